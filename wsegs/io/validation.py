"""Turn pydantic's errors into one line each: where, what was expected, what came, and the nearest known name.

pydantic reports a location that mixes keys of the file with labels of union branches, and one error a branch. Walking
the model's core schema along that location tells them apart, and says which keys and what kind of value fit there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel, GetCoreSchemaHandler, ValidationError

from wsegs.errors import RuleError
from wsegs.io.files import did_you_mean
from wsegs.io.yaml_source import Node

Step = str | int
Model = TypeVar("Model", bound=BaseModel)

_MOST = 300  # errors of pydantic that are translated; several may be one mistake
_ANY: dict[str, Any] = {"type": "any"}
_OF_KEYS = ("missing", "extra_forbidden")


@dataclass(frozen=True)
class Expected:
    """Annotate a type with what a message says was expected: ``Annotated[int | str, Expected("a name or number")]``."""

    text: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        schema: Any = handler(source)
        schema["metadata"] = {**schema.get("metadata", {}), "expected": self.text}
        return schema


@dataclass(frozen=True)
class Mistake:
    """One mistake in data that were checked against a model.

    Attributes
    ----------
    path
        Keys and positions from the root down to the value (or the key) that is wrong; where a key is missing, down to
        the mapping that lacks it.
    message
        ``expected greater than 0, got -1``.
    kind
        pydantic's name of the error, such as ``extra_forbidden``.
    value
        What came.
    at_key
        Whether the last step of the path, a key, is wrong rather than its value.
    """

    path: tuple[Step, ...]
    message: str
    kind: str = ""
    value: Any = None
    at_key: bool = False

    @property
    def field(self) -> str:
        """The wrong value's name, or that of the mapping that holds a wrong key: ``stages.1.epochs``; may be empty."""
        return ".".join(map(str, self.path[:-1] if self.at_key else self.path))

    def error(self, root: Node) -> RuleError:
        """Return the error of a YAML file, with line and column."""
        return root.locate(self.path, at_key=self.at_key).error(self.message)


def validate_node(root: Node, model: type[Model]) -> Model:
    """Check a YAML file against a model.

    Raises
    ------
    RuleError
        At the first mistake, with file, line and column.
    """
    try:
        return model.model_validate(root.plain())
    except ValidationError as error:
        raise find_mistakes(error, model)[0].error(root) from None


def find_mistakes(error: ValidationError, model: type[BaseModel]) -> list[Mistake]:
    """Translate the errors of ``model.model_validate``, in pydantic's order, to one mistake for each place.

    Branches of a union fail together: the failure that lies deepest in the data is the one meant, and failures at one
    place are joined by "or". A key that is missing because it is misspelt is one mistake, not two.
    """
    found: dict[tuple[Any, ...], list[tuple[_Place, Any]]] = {}
    unknown: dict[tuple[Step, ...], list[str]] = {}
    for detail in error.errors(include_url=False)[:_MOST]:
        place, kind = _Place.of(model, detail["loc"]), detail["type"]
        found.setdefault((place.path, place.at_key, kind in _OF_KEYS), []).append((place, detail))
        if kind == "extra_forbidden":
            unknown.setdefault(place.path[:-1], []).append(str(place.path[-1]))
    inner = {path[:length] for path, *_ in found for length in range(len(path))}
    mistakes = []
    for failures in found.values():
        place, detail = failures[0]
        path, kind, value = place.path, detail["type"], detail["input"]
        if kind == "missing":
            if not did_you_mean(str(path[-1]), unknown.get(path[:-1], ())):
                mistakes.append(Mistake(path[:-1], f"expected a key '{path[-1]}'", kind, value))
        elif kind == "extra_forbidden" or (place.at_key and place.keys):
            mistakes.append(Mistake(path, _unknown_key(place), kind, value, at_key=True))
        elif path not in inner:
            mistakes.append(Mistake(path, _wrong_value(failures, value), kind, value, place.at_key))
    return mistakes


def describe(value: Any) -> str:
    """Return how a message says what came.

    >>> describe({"a": 1}), describe([1, 2]), describe(None), describe(True), describe(0.5), describe("nose")
    ('a mapping', 'a list of 2', 'nothing', 'true', '0.5', "'nose'")
    """
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)[:40]
    return "nothing" if value is None else f"'{' '.join(str(value).split())[:40]}'"


def mapping_of(model: type[BaseModel]) -> str:
    """Return what a message calls a mapping that a model can be made of: ``a mapping with 'left' and 'right'``."""
    return _mapping_with([f.alias or name for name, f in model.model_fields.items() if f.is_required()])


def _mapping_with(keys: Iterable[str]) -> str:
    quoted = [f"'{key}'" for key in keys]
    listed = " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)
    return f"a mapping with {listed}" if quoted else "a mapping"


def _unknown_key(place: _Place) -> str:
    key = str(place.path[-1])
    return f"unknown key '{key[:60]}'; expected one of {', '.join(place.keys)}{did_you_mean(key, place.keys)}"


def _wrong_value(failures: list[tuple[_Place, Any]], value: Any) -> str:
    place, detail = failures[0]
    if detail["type"] == "value_error":
        told = str(detail["ctx"]["error"])
        return told if not told.startswith("expected ") or ", got " in told else f"{told}, got {describe(value)}"
    if place.expected:
        return f"expected {place.expected}, got {describe(value)}"
    wanted = list(dict.fromkeys(_expectation(*failure) for failure in failures))
    if "a number" in wanted and "a whole number" in wanted:
        wanted.remove("a whole number")
    counted = detail["type"] in ("too_short", "too_long") and hasattr(value, "__len__")
    return f"expected {' or '.join(wanted)}, got {len(value) if counted else describe(value)}"


def _expectation(place: _Place, detail: Any) -> str:
    """Return what pydantic wanted in one branch."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in ("model_type", "model_attributes_type", "dataclass_type"):
        return _mapping_with(place.required)
    for beginning, wanted in _KINDS.items():
        if kind.startswith(beginning):
            return wanted.format_map({key: _plain(bound) for key, bound in context.items()})
    return str(detail["msg"]).removeprefix("Input should be ").removeprefix("a valid ").lower()


def _plain(bound: Any) -> str:
    return f"{bound:,}".removesuffix(".0") if isinstance(bound, (int, float)) else str(bound)


_KINDS = {
    "int_": "a whole number",
    "float_": "a number",
    "string_too_long": "at most {max_length} characters",
    "string_too_short": "at least {min_length} characters",
    "string_": "text",
    "bool_": "true or false",
    "path_": "a path",
    "list_": "a list",
    "tuple_": "a list",
    "dict_": "a mapping",
    "literal_": "{expected}",
    "greater_than_equal": "at least {ge}",
    "greater_than": "greater than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "too_short": "at least {min_length} values",
    "too_long": "at most {max_length} values",
}


@dataclass(frozen=True)
class _Place:
    """A place in the data: what pydantic's location means there.

    ``keys`` are those that the mapping around the last step may have, ``required`` those that a mapping in this place
    must have; both are empty where the model does not say.
    """

    path: tuple[Step, ...] = ()
    at_key: bool = False
    expected: str = ""
    keys: tuple[str, ...] = ()
    required: tuple[str, ...] = ()

    @classmethod
    def of(cls, model: type[BaseModel], location: tuple[Step, ...]) -> _Place:
        """Walk the model's schema along a location, and drop the labels of unions' branches."""
        walk = _SchemaWalk(model.__pydantic_core_schema__)
        place, kind = cls(), walk.enter()
        for step in location:
            if kind == "tagged-union":
                walk.schema, walk.expected = walk.schema["choices"].get(step, _ANY), ""
            elif kind == "union":
                walk.schema = walk.branch(str(step))
            elif step == "[key]":
                return replace(place, at_key=True)
            else:
                keys = walk.keys()
                walk.step_into(step)
                place, walk.expected = cls((*place.path, step), keys=keys), ""
            kind = walk.enter()
        return replace(place, expected=walk.expected, required=walk.keys(required=True))


class _SchemaWalk:
    """A position in a core schema, and what its annotations on the way say was expected."""

    def __init__(self, schema: Any) -> None:
        self.schema: Any = schema
        self.expected = ""
        self._definitions: dict[str, Any] = {}

    def enter(self) -> str:
        """Go through wrappers, such as defaults and validators; return the name of the type that they wrap."""
        while True:
            self.expected = self.expected or self.schema.get("metadata", {}).get("expected", "")
            kind: str = self.schema["type"]
            if kind == "definitions":
                self._definitions |= {each["ref"]: each for each in self.schema["definitions"]}
            if kind == "definition-ref":
                self.schema = self._definitions[self.schema["schema_ref"]]
            elif "schema" in self.schema:
                self.schema = self.schema["schema"]
            else:
                return kind

    def branch(self, label: str) -> Any:
        """Return the branch of a union that pydantic calls by a label."""
        for choice in self.schema["choices"]:
            schema, name = choice if isinstance(choice, tuple) else (choice, None)
            if schema["type"] == "definition-ref":
                schema = self._definitions[schema["schema_ref"]]
            name = name or (schema["cls"].__name__ if "cls" in schema else schema["type"])
            if label.partition("[")[0] == name:
                return schema
        return _ANY

    def keys(self, *, required: bool = False) -> tuple[str, ...]:
        """Return the keys of a model's mapping, or of a dictionary with keys of given words; else none."""
        if not required and "keys_schema" in self.schema:
            return tuple(map(str, self.schema["keys_schema"].get("expected", ())))
        return tuple(
            _key(name, field)
            for name, field in self.schema.get("fields", {}).items()
            if not (required and field["schema"]["type"] == "default")
        )

    def step_into(self, step: Step) -> None:
        """Go to the value behind a key or position."""
        schema = self.schema
        if schema["type"] == "model-fields":
            named = {_key(name, field): field["schema"] for name, field in schema["fields"].items()}
            self.schema = named.get(str(step), _ANY)
        elif schema["type"] == "tuple" and isinstance(step, int):
            items = schema["items_schema"]
            self.schema = items[min(step, len(items) - 1)]
        else:
            self.schema = schema.get("values_schema", schema.get("items_schema", _ANY))


def _key(name: str, field: Any) -> str:
    return str(field.get("validation_alias", name))
