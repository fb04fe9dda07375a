"""Check a scheme file and build the scheme."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictFloat, StrictInt, StrictStr, ValidationError

from wsegs.io.validation import find_mistakes
from wsegs.schemes.scheme import Group, LandmarkScheme

MAX_POINTS = 1000
MAX_NAMES = 1000

_RANGE = re.compile(r"\s*([0-9]{1,9})\s*\.\.\s*([0-9]{1,9})\s*")
_SCHEME_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_POINT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_COORDINATE = re.compile(r"[xy]_?[0-9]+|x|y")  # what rules call the landmarks and the current point


class SchemeError(Exception):
    """A mistake in a scheme: its path of keys, and whether the last key is wrong rather than its value."""

    def __init__(self, path: tuple[str | int, ...], message: str, *, at_key: bool = False) -> None:
        super().__init__(message)
        self.path = path
        self.message = message
        self.at_key = at_key


def _group(value: Any) -> Group:
    """Read a number, a range ``36..41`` (downwards where the first is larger) or a list of these."""
    if isinstance(value, list):
        if not 0 < len(value) <= MAX_POINTS:
            raise ValueError(f"expected 1 to {MAX_POINTS:,} points, got {len(value)}")
        group = tuple(point for item in value for point in _points(item))
    else:
        group = _points(value)
    if len(set(group)) < len(group):
        raise ValueError(f"point {next(point for point in group if group.count(point) > 1)} is there twice")
    return group


def _points(value: Any) -> Group:
    found = _RANGE.fullmatch(value) if isinstance(value, str) else None
    if found:
        first, last = int(found[1]), int(found[2])
        if max(first, last) >= MAX_POINTS:
            raise ValueError(f"expected points below {MAX_POINTS:,}, got '{value.strip()}'")
        return tuple(range(first, last + 1)) if first <= last else tuple(range(first, last - 1, -1))
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,)
    raise ValueError("expected a point's number, a range such as 36..41 or a list of these")


Points = Annotated[Group, BeforeValidator(_group)]
Text = Annotated[StrictStr, Field(max_length=2000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sides(_Strict):
    """Points at the image's left and right."""

    left: Points
    right: Points


class SchemeFile(_Strict):
    """A landmark scheme, as YAML and JSON write it."""

    name: StrictStr
    points: Annotated[StrictInt, Field(ge=1, le=MAX_POINTS)]
    eyes: Sides
    inter_ocular: Sides | None = None
    nose: Points
    mouth: Sides
    mirror: Annotated[list[Annotated[list[Points], Field(min_length=2, max_length=2)]], Field(max_length=MAX_POINTS)]
    names: Annotated[dict[str, Points], Field(max_length=MAX_NAMES)] = {}
    average: list[Annotated[list[StrictFloat | StrictInt], Field(min_length=2, max_length=2)]] | None = None
    description: Text = ""
    source: Text = ""
    licence: Text = ""


def build_scheme(data: Any) -> LandmarkScheme:
    """Check plain data and return the scheme.

    Raises
    ------
    SchemeError
        At the first mistake.
    """
    try:
        file = SchemeFile.model_validate(data)
    except ValidationError as error:
        mistake = find_mistakes(error, SchemeFile)[0]
        raise SchemeError(mistake.path, mistake.message, at_key=mistake.at_key) from None
    if not _SCHEME_NAME.fullmatch(file.name):
        raise SchemeError(
            ("name",), f"expected a name of letters, digits, _ and - that begins with a letter, got '{file.name[:40]}'"
        )
    _check_numbers(file)
    _check_names(file.names)
    mirror = _mirror(file)
    ends = file.inter_ocular or file.eyes
    for key, sides in (("eyes", file.eyes), ("inter_ocular", ends), ("mouth", file.mouth)):
        if set(sides.left) & set(sides.right):
            raise SchemeError((key,), f"expected other points at the left than at the right, both have {sides.left}")
        if {mirror[point] for point in sides.left} != set(sides.right):
            raise SchemeError((key, "right"), "expected the mirror points of the left side, as 'mirror' pairs them")
    return LandmarkScheme(
        name=file.name,
        count=file.points,
        left_eye=ends.left,
        right_eye=ends.right,
        eyes=(file.eyes.left, file.eyes.right),
        nose=file.nose,
        mouth=(file.mouth.left, file.mouth.right),
        mirror=mirror,
        names=dict(file.names),
        average=_average(file),
        description=file.description.strip(),
        source=file.source.strip(),
        licence=file.licence.strip(),
    )


def _check_numbers(file: SchemeFile) -> None:
    groups: list[tuple[tuple[str | int, ...], Group]] = [(("nose",), file.nose)]
    for key in ("eyes", "inter_ocular", "mouth"):
        sides = getattr(file, key)
        if sides is not None:
            groups += [((key, "left"), sides.left), ((key, "right"), sides.right)]
    groups += [(("mirror", i, side), group) for i, pair in enumerate(file.mirror) for side, group in enumerate(pair)]
    groups += [(("names", name), group) for name, group in file.names.items()]
    for path, group in groups:
        for point in group:
            if not 0 <= point < file.points:
                raise SchemeError(path, f"{file.name} has points 0 to {file.points - 1}, got {point}")


def _check_names(names: Mapping[str, Group]) -> None:
    for name in names:
        if not _POINT_NAME.fullmatch(name):
            raise SchemeError(
                ("names", name),
                f"expected a name of letters, digits and _ that does not begin with a digit, got '{name[:40]}'",
                at_key=True,
            )
        if _COORDINATE.fullmatch(name):
            raise SchemeError(("names", name), f"'{name}' is a coordinate in rules; choose another name", at_key=True)


def _mirror(file: SchemeFile) -> Group:
    """Return the mirror of every point; those in no pair are their own."""
    mirror = list(range(file.points))
    origin: dict[int, int] = {}
    for i, (left, right) in enumerate(file.mirror):
        if len(left) != len(right):
            raise SchemeError(("mirror", i), f"expected as many points on both sides, got {len(left)}, {len(right)}")
        for point, other in zip(left, right, strict=True):
            for number in {point, other}:
                if number in origin:
                    raise SchemeError(("mirror", i), f"point {number} has a mirror point already: {mirror[number]}")
                origin[number] = i
            mirror[point], mirror[other] = other, point
    return tuple(mirror)


def _average(file: SchemeFile) -> tuple[tuple[float, float], ...]:
    if file.average is None:
        return ()
    if len(file.average) != file.points:
        raise SchemeError(("average",), f"expected {file.points} points x, y, got {len(file.average)}")
    for i, point in enumerate(file.average):
        if not all(abs(value) < 100 for value in point):  # unit: the distance between the eyes; nan fails, too
            raise SchemeError(("average", i), f"expected x, y in the face's own frame, got {point[0]}, {point[1]}")
    return tuple((float(x), float(y)) for x, y in file.average)
