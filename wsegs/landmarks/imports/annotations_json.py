"""Read JSON: COCO keypoints (a file about many images) and LabelMe (a file for each)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from wsegs.errors import DataError
from wsegs.landmarks.imports.rows import (
    FaceRow,
    Points,
    check_count,
    checked_points,
    labelled_points,
    number,
    score_of,
    size_of,
)
from wsegs.schemes import LandmarkScheme


def read_json(path: Path, name: str, scheme: LandmarkScheme) -> Iterator[FaceRow]:
    """Yield the faces of a JSON file, whose keys tell whose it is."""
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {error.lineno}: not JSON: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise
        raise DataError(f"{path}: not JSON that can be read: {error}") from error
    if isinstance(data, dict) and isinstance(data.get("shapes"), list):
        yield from _labelme(data, path, name, scheme)
    elif isinstance(data, dict) and isinstance(data.get("annotations"), list):
        yield from _coco(data, path, scheme)
    elif isinstance(data, list) and data and all(isinstance(item, dict) and "keypoints" in item for item in data):
        yield from _coco({"annotations": data}, path, scheme)
    else:
        raise DataError(
            f"{path}: expected COCO keypoints ('images' and 'annotations') or LabelMe ('shapes'), got other JSON"
        )


def _coco(data: dict[str, Any], path: Path, scheme: LandmarkScheme) -> Iterator[FaceRow]:
    """Yield the annotations that have keypoints; those of other objects, by the count of points, are left out."""
    images: dict[str, dict[str, Any]] = {}
    listed = data.get("images", [])
    for position, image in enumerate(listed if isinstance(listed, list) else []):
        where = f"{path}, image {position}"
        if not isinstance(image, dict) or not isinstance(image.get("file_name"), str):
            raise DataError(f"{where}: expected 'id' and 'file_name'")
        images[_id(image.get("id"), where)] = image
    faces, other = 0, None
    for position, annotation in enumerate(data["annotations"]):
        where = f"{path}, annotation {position}"
        if not isinstance(annotation, dict):
            raise DataError(f"{where}: expected an object")
        values = annotation.get("keypoints")
        if annotation.get("face_kpts") and annotation.get("face_valid", True):  # COCO-WholeBody
            values = annotation["face_kpts"]
        if not isinstance(values, list) or not values or annotation.get("iscrowd"):
            continue
        if len(values) != 3 * scheme.count:
            other = other or (len(values) // 3, where)
            continue
        faces += 1
        yield _coco_face(annotation, values, images, bool(listed), where)
    if other and not faces:
        check_count(*other[:1], scheme, other[1])


def _coco_face(
    annotation: dict[str, Any], values: list[object], images: dict[str, dict[str, Any]], listed: bool, where: str
) -> FaceRow:
    key = _id(annotation.get("image_id"), where)
    image = images.get(key)
    if image is None and listed:
        raise DataError(f"{where}: there is no image of the id {key}")
    table = np.array([_value(value, where) for value in values]).reshape(-1, 3)
    if not np.isin(table[:, 2], (0, 1, 2)).all() and not ((table[:, 2] >= 0) & (table[:, 2] <= 1)).all():
        raise DataError(f"{where}: expected x, y, visibility (0, 1 or 2) for each point")
    unknown = table[:, 2] == 0
    points: Points | None = None
    if not unknown.all():
        if unknown.any() and not np.isnan(table[:, :2]).all():
            # A face needs all of its points.
            return FaceRow(_coco_names(image, key), None, where, incomplete=True)
        points = checked_points(table[:, :2].copy(), where)
    return FaceRow(
        _coco_names(image, key),
        points,
        where,
        score_of(annotation.get("score"), where),
        None if image is None else size_of(image.get("width"), image.get("height"), where),
    )


def _coco_names(image: dict[str, Any] | None, key: str) -> tuple[str, ...]:
    return (key,) if image is None else (image["file_name"],)


def _id(value: object, where: str) -> str:
    if isinstance(value, (str, int)):
        return str(value)
    raise DataError(f"{where}: expected the id of an image, got {str(value)[:40]}")


def _labelme(data: dict[str, Any], path: Path, name: str, scheme: LandmarkScheme) -> Iterator[FaceRow]:
    """Yield the faces of one image: points by their labels, a group each, or shapes of all points."""
    names = (name, data["imagePath"]) if isinstance(data.get("imagePath"), str) else (name,)
    size = size_of(data.get("imageWidth"), data.get("imageHeight"), str(path))
    groups: dict[object, list[tuple[str, tuple[float, float]]]] = defaultdict(list)
    faces = 0
    for position, shape in enumerate(data["shapes"]):
        where = f"{path}, shape {position}"
        points = shape.get("points") if isinstance(shape, dict) else None
        if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
            raise DataError(f"{where}: expected 'points' of x and y")
        pairs = [(_value(x, where), _value(y, where)) for x, y in points]
        if len(pairs) == scheme.count and scheme.count > 1:
            faces += 1
            yield FaceRow(names, checked_points(np.array(pairs), where), where, size=size)
        elif len(pairs) == 1 and shape.get("shape_type", "point") == "point":
            group = shape.get("group_id")
            groups[group if isinstance(group, (int, str)) else None].append((str(shape.get("label", "")), pairs[0]))
        elif shape.get("shape_type") in ("points", "linestrip"):
            check_count(len(pairs), scheme, where)
    for found in groups.values():
        faces += 1
        labels, coordinates = zip(*found, strict=True)
        yield FaceRow(names, labelled_points(labels, coordinates, scheme, str(path)), str(path), size=size)
    if not faces:
        yield FaceRow(names, None, str(path))


def _value(value: object, where: str) -> float:
    """Return a number that may be nan."""
    if value is None or (isinstance(value, float) and value != value):
        return float("nan")
    return number(value, where)
