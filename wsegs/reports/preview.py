"""Draw pictures of a mask store, or of rules on landmarks without a store."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError, MissingError, OptionError
from wsegs.geometry.frame import usual_frame
from wsegs.geometry.warp import warp_image
from wsegs.io.files import check_output, did_you_mean
from wsegs.io.images import read_image, reason
from wsegs.landmarks.image_sizes import check_image_sizes, check_size
from wsegs.landmarks.table import LandmarkTable
from wsegs.reports.canvas import write_png
from wsegs.reports.contact_sheet import SheetFace, attribute_sheet, contact_sheet, evenly_spaced
from wsegs.rules import RuleSet
from wsegs.store import MaskStore
from wsegs.store.images import find_image_root
from wsegs.store.writing.build import build_store

# Maximum share of images without a face on a contact sheet.
_WITHOUT_FACE = 0.25


def preview_store(
    store: MaskStore,
    output: Path,
    *,
    data: Path | None = None,
    faces: int = 12,
    attributes: Sequence[str] | Literal["all"] = (),
    image: str | None = None,
    force: bool = False,
) -> int:
    """Write a contact sheet of a store, or the attributes of one of its faces.

    Parameters
    ----------
    store
        An open store.
    output
        A ``.png`` file.
    data
        The data set, or the folder of the images; None is where the store says they were.
    faces
        Maximum number of faces on the contact sheet, evenly spaced in the store.
    attributes
        Names, or "all": draw one face with each of these masks instead of the contact sheet.
    image
        Name of the image to draw; None with ``attributes`` is the first with a face.
    force
        Overwrite ``output``.

    Returns
    -------
    The number of faces drawn.

    Raises
    ------
    OptionError
        If an attribute or the image is not in the store; the message suggests a similar name.
    MissingError, DataError
        If the images are missing, or are not those that the store was made from.
    """
    _check_picture(output, force=force)
    return _draw(store, str(store.path), output, data, faces, attributes, image)


def preview_rules(
    table: LandmarkTable,
    rules: RuleSet,
    output: Path,
    *,
    data: Path | None = None,
    faces: int = 12,
    attributes: Sequence[str] | Literal["all"] = (),
    image: str | None = None,
    force: bool = False,
) -> int:
    """Write the pictures of :func:`preview_store` for rules on landmarks, drawing only the faces shown.

    The frame is that of the images if all have one size, else a crop of 218x178 about the face.
    """
    _check_picture(output, force=force)
    frame = usual_frame(table.image_size)
    usable = np.flatnonzero(table.usable if frame.kind == "image" else table.found)
    if image is not None:
        rows = np.array([_find_name(table.images, image, "the landmark file")])
    else:
        found = usable[table.found[usable]]
        rows = evenly_spaced(found if attributes and len(found) else usable, 1 if attributes else faces)
    few = table.select(rows)
    # Rules may name attributes that the data set lacks.
    shared_only = bool(table.attribute_names) and not set(rules.attribute_names) <= set(table.attribute_names)
    with tempfile.TemporaryDirectory(prefix="wsegs-") as folder:
        path = Path(folder) / "masks.h5"
        build_store(few, rules, frame, path, shared_attributes_only=shared_only, jobs=1)
        with MaskStore(path) as store:
            return _draw(store, f"rules {rules.name}", output, data, faces, attributes, image)


def _draw(
    store: MaskStore,
    source: str,
    output: Path,
    data: Path | None,
    faces: int,
    attributes: Sequence[str] | Literal["all"],
    image: str | None,
) -> int:
    """Write the picture; ``source`` names the store in messages and in the title."""
    names = store.attribute_names if attributes == "all" else attributes
    chosen = [_find_attribute(store, name, source) for name in names]
    rows = [_find_name(store.images, image, source)] if image is not None else _rows(store, 1 if chosen else faces)
    root = find_image_root(store, data, source)
    if not store.has_images:
        check_image_sizes(root, store.images, store.image_sizes, source)
    sheet_faces = [_load(store, row, root, source) for row in rows]
    if all(face.image is None for face in sheet_faces):
        raise MissingError(
            f"{root / store.images[rows[0]]}: {sheet_faces[0].status}; --data names the data set of {source}"
        )
    if chosen:
        write_png(_attributes_of(store, rows[0], sheet_faces[0], chosen), output)
        return 1
    shown = f"{len(rows)} of {len(store)} images" if len(rows) < len(store) else f"{len(rows)} images"
    rules = f"rules {store.rules.name}"
    title = " · ".join([rules, shown] if source == rules else [store.path.name, rules, shown])
    write_png(contact_sheet(sheet_faces, store.region_names, title), output)
    return len(rows)


def _check_picture(output: Path, *, force: bool) -> None:
    """Raise unless ``output`` may be written and is a PNG file by its name."""
    if output.suffix.lower() != ".png":
        raise OptionError(f"--output: expected a name that ends in .png, got '{output}'")
    check_output(output, force=force)


def _rows(store: MaskStore, count: int) -> list[int]:
    """Return the rows to show: evenly spaced ones with a face, then a few without."""
    found = np.flatnonzero(_has_face(store))
    without = np.flatnonzero(~_has_face(store))
    if not len(found):
        rows: list[int] = evenly_spaced(without, count).tolist()
        return rows
    if count == 1:
        return [int(found[0])]
    lost = evenly_spaced(without, max(1, int(count * _WITHOUT_FACE)))
    return [*evenly_spaced(found, count - len(lost)).tolist(), *lost.tolist()]


def _has_face(store: MaskStore) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(store.landmarks).all(axis=(1, 2)))


def _find_attribute(store: MaskStore, name: str, source: str) -> int:
    if name not in store.attribute_names:
        raise OptionError(
            f"--attribute: '{name}' is none of the {len(store.attribute_names)} attributes of {source}"
            f"{did_you_mean(name, store.attribute_names)}"
        )
    return store.attribute_names.index(name)


def _find_name(images: tuple[str, ...], name: str, source: str) -> int:
    if name in images:
        return images.index(name)
    # A unique name needs no folders.
    ends = [row for row, image in enumerate(images) if image.endswith(f"/{name}")]
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise OptionError(f"--image: {len(ends)} images of {source} are called '{name}', for example {images[ends[0]]}")
    raise OptionError(f"--image: '{name}' is none of the {len(images)} images of {source}{did_you_mean(name, images)}")


def _load(store: MaskStore, row: int, root: Path, source: str) -> SheetFace:
    """Return one face in the frame of the store; without a picture if its image cannot be read."""
    name, path = store.images[row], root / store.images[row]
    (regions,) = store.regions([row])
    has_face = bool(np.isfinite(store.landmarks[row]).all())
    status = store.status_names[store.status[row]] if has_face else "no face found"
    landmarks = store.landmarks[row] if has_face else None
    try:
        if store.has_images:
            return SheetFace(name, store.image(row), landmarks, regions, status)
        image = read_image(path)
    except DataError as error:
        return SheetFace(name, None, landmarks, regions, reason(error, path))
    check_size(path, image.shape[1::-1], store.image_sizes[row], source)
    return SheetFace(name, warp_image(image, store.affine[row], store.size), landmarks, regions, status)


def _attributes_of(store: MaskStore, row: int, face: SheetFace, chosen: list[int]) -> NDArray[np.uint8]:
    coverage = store.lookup.coverage(face.regions)[chosen]
    drawn = np.asarray(store[row][chosen].any(axis=(1, 2)))
    names = [store.attribute_names[c] for c in chosen]
    return attribute_sheet(face, names, store.attributes[row, chosen], coverage, drawn)
