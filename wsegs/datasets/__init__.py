"""Data sets of faces: images, attributes, splits, identities, boxes and points, joined by file name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wsegs.errors import DataError, MissingError, OptionError

if TYPE_CHECKING:
    from wsegs.datasets.index import FaceDataset

__all__ = ["open_dataset", "write_unmatched"]


def open_dataset(data: str | Path, *, images: str | None = None, labels: str | Path | None = None) -> FaceDataset:
    """Open a folder as CelebA, LFWA or a plain folder of images, whichever it is.

    Parameters
    ----------
    data
        The folder of the data set. Nothing in it is changed.
    images
        "aligned" (default) or "wild", for CelebA alone.
    labels
        Table of labels; the folder is then a plain folder. See :func:`wsegs.datasets.folder.open_folder`.

    Raises
    ------
    MissingError
        If the folder, or a file that its layout needs, does not exist.
    OptionError
        If ``images`` is given for a data set that has only one kind.
    DataError
        If the folder fits none of the layouts, or a file of it is malformed.
    """
    from wsegs.datasets.celeba import is_celeba, open_celeba
    from wsegs.datasets.folder import LABELS, open_folder
    from wsegs.datasets.lfwa import is_lfwa, open_lfwa

    data = Path(data)
    if not data.exists():
        raise MissingError(f"{data}: no such folder; --data or WSEGS_DATA names the data set")
    if not data.is_dir():
        raise DataError(f"{data}: expected the folder of a data set, got a file")

    try:
        if labels is None and is_celeba(data):
            return open_celeba(data, images or "aligned")
        if images is not None:
            raise OptionError(f"--images {images} is for CelebA, and {data} is opened as another data set")
        if labels is not None:
            return open_folder(data, Path(labels))
        if is_lfwa(data):
            return open_lfwa(data)
        if not (data / LABELS).exists():
            _refuse_folder_of_datasets(data)
            _require_images(data)
        return open_folder(data)
    except PermissionError as error:
        raise DataError(f"{error.filename}: cannot be read: {error.strerror}") from error


def write_unmatched(dataset: FaceDataset, path: str | Path) -> None:
    """Write what did not match as CSV; see :func:`wsegs.datasets.index.write_unmatched`."""
    from wsegs.datasets import index

    index.write_unmatched(dataset, path)


def _refuse_folder_of_datasets(data: Path) -> None:
    """Raise where a plain folder would swallow data sets whose labels it does not read."""
    from wsegs.datasets.celeba import is_celeba
    from wsegs.datasets.lfwa import is_lfwa

    inside = sorted(
        folder.name for folder in data.iterdir() if folder.is_dir() and (is_celeba(folder) or is_lfwa(folder))
    )
    if inside:
        raise DataError(
            f"{data}: holds data sets of its own, name one: {', '.join(str(data / name) for name in inside)}"
        )


def _require_images(data: Path) -> None:
    from wsegs.datasets import celeba, lfwa
    from wsegs.datasets.listing import list_images

    if list_images(data):
        return
    there = sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in data.iterdir())
    got = ", ".join(there[:8]) + (f" and {len(there) - 8} more" if len(there) > 8 else "")
    aligned = " or ".join(celeba.FOLDERS["aligned"])
    raise DataError(
        f"{data}: no data set. CelebA needs {' or '.join(celeba.ATTRIBUTES)} and {aligned};"
        f" LFWA needs {' or '.join(lfwa.ATTRIBUTES)} and {lfwa.FOLDERS[1]}/;"
        f" a plain folder needs images below it, with or without labels.csv; there is {got or 'nothing'}"
    )
