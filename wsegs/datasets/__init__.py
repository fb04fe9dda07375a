"""Data sets: images and their labels, splits, identities, boxes and points, joined by file name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wsegs.errors import DataError, MissingError, OptionError

if TYPE_CHECKING:
    from wsegs.datasets.index import FaceDataset

__all__ = ["open_dataset", "write_unmatched"]


def open_dataset(
    data: str | Path,
    *,
    images: str | None = None,
    labels: str | Path | None = None,
    numbers: Sequence[str] = (),
    categories: Sequence[str] = (),
) -> FaceDataset:
    """Open a folder in the layout in which it comes.

    That is CelebA, LFWA, or a folder of images: with a table of labels, named as UTKFace's, with a folder for each
    class (:func:`wsegs.datasets.class_folders.is_class_folders`), or without labels.

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
        dataset = _open(data, images, None if labels is None else Path(labels), numbers, categories)
    except PermissionError as error:
        raise DataError(f"{error.filename}: cannot be read: {error.strerror}") from error
    _require_labels(dataset, numbers, categories)
    return dataset


def _open(
    data: Path, images: str | None, labels: Path | None, numbers: Sequence[str], categories: Sequence[str]
) -> FaceDataset:
    from wsegs.datasets.celeba import is_celeba, open_celeba
    from wsegs.datasets.class_folders import CLASS, is_class_folders, open_class_folders
    from wsegs.datasets.folder import LABELS, open_folder, open_unlabelled
    from wsegs.datasets.lfwa import is_lfwa, open_lfwa
    from wsegs.datasets.utkface import is_utkface, open_utkface

    if labels is None and is_celeba(data):
        return open_celeba(data, images or "aligned")
    if images is not None:
        raise OptionError(f"--images {images} is for CelebA, and {data} is opened as another data set")
    if labels is not None:
        return open_folder(data, labels, numbers, categories)
    if is_lfwa(data):
        return open_lfwa(data, numbers, categories)
    if (data / LABELS).exists():
        return open_folder(data, data / LABELS, numbers, categories)
    _refuse_folder_of_datasets(data)
    listed = _listed_images(data)
    if is_utkface(listed):
        return open_utkface(data, listed)
    if CLASS in categories or is_class_folders(listed):
        return open_class_folders(data, listed)
    return open_unlabelled(data, listed)


def write_unmatched(dataset: FaceDataset, path: str | Path) -> None:
    """Write what did not match as CSV; see :func:`wsegs.datasets.index.write_unmatched`."""
    from wsegs.datasets import index

    index.write_unmatched(dataset, path)


def _refuse_folder_of_datasets(data: Path) -> None:
    """Raise DataError if a folder contains data sets, whose labels a plain folder would ignore."""
    from wsegs.datasets.celeba import is_celeba
    from wsegs.datasets.lfwa import is_lfwa

    inside = sorted(
        folder.name for folder in data.iterdir() if folder.is_dir() and (is_celeba(folder) or is_lfwa(folder))
    )
    if inside:
        raise DataError(
            f"{data}: holds data sets of its own, name one: {', '.join(str(data / name) for name in inside)}"
        )


def _listed_images(data: Path) -> list[str]:
    """Return the images below a folder; raise DataError, which names the layouts, if there are none."""
    from wsegs.datasets import celeba, lfwa
    from wsegs.datasets.listing import list_images

    if listed := list_images(data):
        return listed
    there = sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in data.iterdir())
    got = ", ".join(there[:8]) + (f" and {len(there) - 8} more" if len(there) > 8 else "")
    aligned = " or ".join(celeba.FOLDERS["aligned"])
    raise DataError(
        f"{data}: no data set. CelebA needs {' or '.join(celeba.ATTRIBUTES)} and {aligned};"
        f" LFWA needs {' or '.join(lfwa.ATTRIBUTES)} and {lfwa.FOLDERS[1]}/;"
        f" a plain folder needs images below it, with or without labels.csv; there is {got or 'nothing'}"
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
