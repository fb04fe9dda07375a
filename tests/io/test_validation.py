"""Each mistake that pydantic finds is one line, whatever unions and definitions it passed through."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, StrictInt, StrictStr, Tag

from wsegs.errors import RuleError
from wsegs.io.validation import Expected, describe, mapping_of, validate_node
from wsegs.io.yaml_source import read_nodes

Name = Annotated[StrictInt | StrictStr, Expected("a name or a number")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Tree(Strict):
    """Refers to itself, so that pydantic puts it behind a definition."""

    size: Annotated[int, Field(gt=0)]
    trees: list[Tree] = []


class Line(Strict):
    line: Annotated[list[float], Field(min_length=2, max_length=3)]


class Circle(Strict):
    circle: float
    colour: Literal["red", "blue"] = "red"


def _even(value: Any) -> Any:
    if value % 2:
        raise ValueError("expected an even number")
    return value


Shape = Annotated[
    Annotated[Line, Tag("line")] | Annotated[Circle, Tag("circle")],
    Discriminator(lambda value: next((key for key in ("line", "circle") if key in value), None)),
]


class Everything(Strict):
    name: Name
    from_: str | None = Field(default=None, alias="from")
    trees: tuple[Tree, ...] = ()
    shapes: dict[str, Shape] = {}
    names: Annotated[dict[str, Name | list[Name]], Field(min_length=1)] = {"a": 1}
    pair: tuple[int, int] = (0, 0)
    even: Annotated[int, BeforeValidator(_even)] = 0
    losses: dict[Literal["one", "two"], float] = {}
    either: StrictInt | list[StrictInt] | Circle = 1
    flag: bool = False
    text: Annotated[str, Field(max_length=3)] = ""


MISTAKES = {
    # name: (text, line, column, the whole message)
    "no mapping": ("[1]", 1, 1, "expected a mapping with 'name', got a list of 1"),
    "missing": ("flag: true", 1, 1, "expected a key 'name'"),
    "misspelt": (
        "nmae: 1",
        *(1, 1),
        "unknown key 'nmae'; expected one of name, from, trees, shapes, names, pair, even, losses, either, flag, text"
        "; did you mean 'name'?",
    ),
    "alias": ("name: 1\nfrom: 3", 2, 7, "expected text, got 3"),
    "union": ("name: [1]", 1, 7, "expected a name or a number, got a list of 1"),
    "union by type": (
        "{name: 1, either: a}",
        1,
        19,
        "expected a whole number or a list or a mapping with 'circle', got 'a'",
    ),
    "model in a union": (
        "{name: 1, either: {circle: 1, x: 1}}",
        1,
        31,
        "unknown key 'x'; expected one of circle, colour",
    ),
    "deepest branch": ("{name: 1, names: {a: [1, [2]]}}", 1, 26, "expected a name or a number, got a list of 1"),
    "nested model": (
        "name: 1\ntrees:\n- size: 1\n  trees: [{size: 0}]",
        *(4, 18),
        "expected greater than 0, got 0",
    ),
    "key of a nested model": (
        "name: 1\ntrees:\n- size: 1\n  trees: [{size: 1, tres: []}]",
        *(4, 21),
        "unknown key 'tres'; expected one of size, trees; did you mean 'trees'?",
    ),
    "missing in a nested model": ("name: 1\ntrees: [{size: 1, trees: [{}]}]", 2, 27, "expected a key 'size'"),
    "tag that is a key": ("{name: 1, shapes: {line: {line: 1}}}", 1, 33, "expected a list, got 1"),
    "key behind a tag": (
        "{name: 1, shapes: {a: {circle: 1, color: red}}}",
        *(1, 35),
        "unknown key 'color'; expected one of circle, colour; did you mean 'colour'?",
    ),
    "one of some words": (
        "{name: 1, shapes: {a: {circle: 1, colour: green}}}",
        *(1, 43),
        "expected 'red' or 'blue', got 'green'",
    ),
    "too few": ("{name: 1, shapes: {a: {line: [1]}}}", 1, 30, "expected at least 2 values, got 1"),
    "too many": ("{name: 1, pair: [1, 2, 3]}", 1, 17, "expected at most 2 values, got 3"),
    "within a tuple": ("{name: 1, pair: [1, a]}", 1, 21, "expected a whole number, got 'a'"),
    "own check": ("{name: 1, even: 3}", 1, 17, "expected an even number, got 3"),
    "key of given words": (
        "{name: 1, losses: {twoo: 1}}",
        *(1, 20),
        "unknown key 'twoo'; expected one of one, two; did you mean 'two'?",
    ),
    "truth": ("{name: 1, flag: perhaps}", 1, 17, "expected true or false, got 'perhaps'"),
    "nothing": ("{name: }", 1, 2, "expected a name or a number, got nothing"),
    "long text": ("{name: 1, text: abcd}", 1, 17, "expected at most 3 characters, got 'abcd'"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake(name: str):
    text, line, column, message = MISTAKES[name]
    with pytest.raises(RuleError) as caught:
        validate_node(read_nodes(text, "my.yaml"), Everything)
    assert str(caught.value) == f"my.yaml:{line}:{column}: {message}"


def test_what_is_right_comes_back():
    checked = validate_node(read_nodes("{name: a, trees: [{size: 2}], losses: {two: 1}}", "my.yaml"), Everything)
    assert (checked.name, checked.trees[0].size, checked.losses) == ("a", 2, {"two": 1})


def test_long_values_are_cut():
    assert describe("word " * 100) == f"'{('word ' * 8)[:40]}'"
    assert describe("a\n b") == "'a b'"


def test_models_say_what_they_need():
    assert mapping_of(Everything) == "a mapping with 'name'"
    assert mapping_of(Tree) == "a mapping with 'size'"
