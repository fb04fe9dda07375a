"""Data sets: images and their labels, splits, identities, boxes and points, joined by file name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wsegs.errors import DataError, MissingError, OptionError

if TYPE_CHECKING:
    from wsegs.datasets.index import FaceDataset
    from wsegs.datasets.listing import Listing

__all__ = ["open_dataset", "write_unmatched"]


def open_dataset(
    data: str | Path,
    *,
    images: str | None = None,
    labels: str | Path | None = None,
    numbers: Sequence[str] = (),
    categories: Sequence[str] = (),
    unknown: str | None = None,
    boxes: str | Path | None = None,
) -> FaceDataset:
    """Open a folder in the layout in which it comes.

    That is CelebA, CelebAMask-HQ, LFWA, or a folder of images: with a table of labels, named as UTKFace's, with a
    folder for each class (:func:`wsegs.datasets.layouts.class_folders.is_class_folders`), or without labels.

    Parameters
    ----------
    data
        The folder of the data set. Nothing in it is changed.
    images
        "aligned" (default) or "wild", for CelebA alone.
    labels
        Table of labels, whatever else the layout is; ``labels.csv`` in ``data`` where there is one. See
        :func:`wsegs.datasets.labels.read_labels`.
    numbers
        Labels that are numbers, such as "age": columns of the table of labels.
    categories
        Labels that are categories, such as "race": columns of the table of labels. Without a table, "class" reads a
        folder for each class even where the folders may be something else.
    unknown
        A value of the table's attributes that is unknown, beside empty fields and the like: "0" where absent is -1.
    boxes
        A table of boxes, such as ``wsegs locate`` writes, in place of the data set's own; see
        :mod:`wsegs.datasets.boxes`.

    Raises
    ------
    MissingError
        If the folder, or a file that its layout needs, does not exist.
    OptionError
        If ``images`` is given for a data set that has only one kind, or ``numbers`` or ``categories`` name labels
        that the data set has not.
    DataError
        If the folder fits none of the layouts, or a file of it is malformed.
    """
    data = Path(data)
    if not data.exists():
        raise MissingError(f"{data}: no such folder; --data or WSEGS_DATA names the data set")
    if not data.is_dir():
        raise DataError(f"{data}: expected the folder of a data set, got a file")
    _check_label_names(numbers, categories)
    try:
        dataset = _open(data, images, None if labels is None else Path(labels), numbers, categories, unknown)
    except PermissionError as error:
        raise DataError(f"{error.filename}: cannot be read: {error.strerror}") from error
    _require_labels(dataset, numbers, categories)
    if boxes is not None:
        from wsegs.datasets.boxes import boxes_by_name

        dataset = replace(dataset, boxes=boxes_by_name(Path(boxes), dataset.images))
    opened = {
        "data": str(data.absolute()),
        "images": images,
        "labels": None if labels is None else str(Path(labels).absolute()),
        "numbers": list(numbers),
        "categories": list(categories),
        "unknown": unknown,
        "boxes": None if boxes is None else str(Path(boxes).absolute()),
    }
    return replace(dataset, opened={name: value for name, value in opened.items() if value})


def _open(
    data: Path,
    images: str | None,
    labels: Path | None,
    numbers: Sequence[str],
    categories: Sequence[str],
    unknown: str | None,
) -> FaceDataset:
    from wsegs.datasets.layouts.celeba import is_celeba, open_celeba
    from wsegs.datasets.layouts.celebamask_hq import is_celebamask_hq, open_celebamask_hq
    from wsegs.datasets.layouts.class_folders import CLASS, is_class_folders, open_class_folders
    from wsegs.datasets.layouts.folder import LABELS, open_folder, open_unlabelled
    from wsegs.datasets.layouts.lfwa import is_lfwa, open_lfwa
    from wsegs.datasets.layouts.utkface import is_utkface, open_utkface
    from wsegs.datasets.listing import first_file, scan_folder
    from wsegs.datasets.mask_folders import split_off_masks

    if labels is None and images is None and is_celebamask_hq(data):
        return open_celebamask_hq(data, unknown)
    if labels is None and is_celeba(data):
        return open_celeba(data, images or "aligned", unknown)
    if images is not None:
        raise OptionError(f"--images {images} is for CelebA, and {data} is opened as another data set")
    if labels is None and is_lfwa(data):
        return open_lfwa(data, numbers, categories, unknown)
    labels = labels or first_file(data, LABELS)
    if labels is None:
        _refuse_folder_of_datasets(data)
    elif not labels.exists():
        raise MissingError(f"{labels}: no such file")
    listing = scan_folder(data)
    listed, notes = split_off_masks(data, listing.images)
    if not listed:
        raise DataError(_no_images(data, listing, labels))
    if labels is not None:
        dataset = open_folder(data, listed, labels, numbers, categories, unknown)
    elif is_utkface(listed):
        dataset = open_utkface(data, listed)
    elif CLASS in categories or is_class_folders(listed):
        dataset = open_class_folders(data, listed)
    else:
        dataset = open_unlabelled(data, listed)
    read = None if labels is None else Path(os.path.relpath(labels, data)).as_posix()
    others = tuple(name for name in listing.others if name != read)
    return replace(dataset, notes=(*dataset.notes, *notes, *listing.notes()), others=others)


def write_unmatched(dataset: FaceDataset, path: str | Path) -> None:
    """Write what did not match as CSV; see :func:`wsegs.datasets.index.write_unmatched`."""
    from wsegs.datasets import index

    index.write_unmatched(dataset, path)


def _refuse_folder_of_datasets(data: Path) -> None:
    """Raise DataError if a folder contains data sets, whose labels a plain folder would ignore."""
    from wsegs.datasets.layouts.celeba import is_celeba
    from wsegs.datasets.layouts.celebamask_hq import is_celebamask_hq
    from wsegs.datasets.layouts.lfwa import is_lfwa

    layouts = (is_celeba, is_celebamask_hq, is_lfwa)
    inside = sorted(
        folder.name for folder in data.iterdir() if folder.is_dir() and any(layout(folder) for layout in layouts)
    )
    if inside:
        raise DataError(
            f"{data}: holds data sets of its own, name one: {', '.join(str(data / name) for name in inside)}"
        )


def _no_images(data: Path, listing: Listing, labels: Path | None) -> str:
    """Return that there are no images, what was passed over, and which layouts there are."""
    from wsegs.datasets.layouts import celeba, lfwa
    from wsegs.datasets.listing import IMAGE_SUFFIXES, describe_others, looks_like_image

    unread = [name for name in listing.others if looks_like_image(name)]
    passed = "".join(f"; {note}" for note in (*listing.notes(), *describe_others(unread)))
    if labels is not None:
        return f"{data}: expected images ({', '.join(IMAGE_SUFFIXES)}) below this folder, got none{passed}"
    there = sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in data.iterdir())
    got = ", ".join(there[:8]) + (f" and {len(there) - 8} more" if len(there) > 8 else "")
    aligned = " or ".join(celeba.FOLDERS["aligned"])
    return (
        f"{data}: no data set. CelebA needs {' or '.join(celeba.ATTRIBUTES)} and {aligned};"
        f" LFWA needs {' or '.join(lfwa.ATTRIBUTES)} and {lfwa.FOLDERS[1]}/;"
        f" a plain folder needs images below it, with or without labels.csv; there is {got or 'nothing'}{passed}"
    )


def _check_label_names(numbers: Sequence[str], categories: Sequence[str]) -> None:
    """Raise OptionError if a name cannot be a label's, or is there twice."""
    from wsegs.datasets.typed_labels import label_name_problem

    for option, names in (("numbers", numbers), ("categories", categories)):
        for name in names:
            if problem := label_name_problem(name):
                raise OptionError(f"--{option} '{name}': {problem}")
            if [*numbers, *categories].count(name) > 1:
                raise OptionError(f"--{option} {name}: expected each label once, got it twice")


def _require_labels(dataset: FaceDataset, numbers: Sequence[str], categories: Sequence[str]) -> None:
    """Raise OptionError if a data set lacks a label that the user announced."""
    from wsegs.io.files import did_you_mean

    asked: tuple[tuple[str, Sequence[str], Iterable[str]], ...] = (
        ("numbers", numbers, dataset.numbers),
        ("categories", categories, dataset.categories),
    )
    for option, names, known in asked:
        for name in names:
            if name not in known:
                raise OptionError(
                    f"--{option} {name}: the data set '{dataset.name}' in {dataset.root} has no such {option}"
                    f" ({', '.join(known) or 'none'}){did_you_mean(name, list(known))}"
                )
