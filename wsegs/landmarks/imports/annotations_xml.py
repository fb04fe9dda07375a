"""Read XML: dlib's imglab, and CVAT for images 1.1."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

import numpy as np

from wsegs.errors import DataError
from wsegs.landmarks.choose import score_of_margins
from wsegs.landmarks.imports.rows import (
    FaceRow,
    check_count,
    checked_points,
    labelled_points,
    number,
    score_of,
    size_of,
)
from wsegs.schemes import LandmarkScheme

_LINE = "line of the file"  # no attribute of XML can have blanks in its name


def read_xml(path: Path, name: str, scheme: LandmarkScheme) -> Iterator[FaceRow]:
    """Yield the faces of an XML file, whose first element tells whose it is."""
    root = _parsed(path)
    if root.tag == "dataset":
        faces = _imglab
    elif root.tag == "annotations" and root.find("track") is not None:
        raise DataError(f"{path}: CVAT for video; expected CVAT for images 1.1")
    elif root.tag == "annotations":
        faces = _cvat
    else:
        raise DataError(
            f"{path}: expected dlib's imglab (<dataset>) or CVAT for images (<annotations>), got <{root.tag}>"
        )
    for image in root.iter("image"):
        yield from faces(image, path, scheme)


def _parsed(path: Path) -> Element:
    """Return the first element; each knows its line. Entities are refused: a few lines of them can fill the memory."""
    parser, builder = expat.ParserCreate(), TreeBuilder()

    def start(tag: str, attributes: dict[str, str]) -> None:
        builder.start(tag, attributes | {_LINE: str(parser.CurrentLineNumber)})

    def refuse(*_: Any) -> Any:
        raise DataError(f"{path}, line {parser.CurrentLineNumber}: entities in a DOCTYPE are not read")

    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = parser.ExternalEntityRefHandler = parser.UnparsedEntityDeclHandler = refuse
    try:
        parser.Parse(path.read_bytes(), True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}, line {parser.CurrentLineNumber}: not XML: {str(error)[:80]}") from error
    return builder.close()


def _where(element: Element, path: Path) -> str:
    return f"{path}, line {element.get(_LINE)}"


def _size(image: Element, where: str) -> tuple[int, int] | None:
    return size_of(image.get("width"), image.get("height"), where)


def _named(image: Element, attribute: str, where: str) -> tuple[str, ...]:
    name = image.get(attribute, "")
    if not name.strip():
        raise DataError(f"{where}: expected an image with '{attribute}'")
    return (name,)


def _imglab(image: Element, path: Path, scheme: LandmarkScheme) -> Iterator[FaceRow]:
    """Yield the boxes that have parts and are not to be ignored."""
    for box in image.iter("box"):
        parts = [*box.iter("part")]
        if not parts or box.get("ignore") in ("1", "true"):
            continue
        where = _where(box, path)
        points = [_number_pair(part.get("x"), part.get("y"), _where(part, path)) for part in parts]
        labels = [part.get("name", "") for part in parts]
        margin = score_of(box.get("detection_score"), where)
        yield FaceRow(
            _named(image, "file", _where(image, path)),
            labelled_points(labels, points, scheme, where),
            where,
            None if margin is None else float(score_of_margins(margin)),
            _size(image, _where(image, path)),
        )


def _cvat(image: Element, path: Path, scheme: LandmarkScheme) -> Iterator[FaceRow]:
    """Yield elements of all points, skeletons, and single points by their labels, a group a face."""
    where = _where(image, path)
    names, size = _named(image, "name", where), _size(image, where)
    groups: dict[object, list[tuple[str, tuple[float, float]]]] = defaultdict(list)
    for element in image:
        if element.tag == "skeleton":
            inner = [point for point in element.iter("points") if point.get("outside") != "1"]
            for point in inner:
                groups[id(element)] += [(_label(point), pair) for pair in _pairs(point, path)]
        if element.tag != "points":
            continue
        pairs = _pairs(element, path)
        if len(pairs) == 1 and scheme.count > 1:
            groups[element.get("group_id", "")].append((_label(element), pairs[0]))
            continue
        check_count(len(pairs), scheme, _where(element, path))
        place = _where(element, path)
        yield FaceRow(names, checked_points(np.array(pairs), place), place, size=size)
    for found in groups.values():
        labels, points = zip(*found, strict=True)
        yield FaceRow(names, labelled_points(labels, points, scheme, where), where, size=size)


def _label(element: Element) -> str:
    """Return the label of a point, with the number that some write in an attribute instead."""
    numbers = [text for attribute in element.iter("attribute") if (text := (attribute.text or "").strip()).isdecimal()]
    return " ".join([element.get("label", ""), *(numbers if len(numbers) == 1 else [])])


def _pairs(element: Element, path: Path) -> list[tuple[float, float]]:
    where = _where(element, path)
    pairs = [pair.split(",") for pair in element.get("points", "").split(";") if pair.strip()]
    if any(len(pair) != 2 for pair in pairs):
        raise DataError(f"{where}: expected points x,y;x,y;..., got '{element.get('points', '')[:40]}'")
    return [_number_pair(x, y, where) for x, y in pairs]


def _number_pair(x: object, y: object, where: str) -> tuple[float, float]:
    return number(x, where), number(y, where)
