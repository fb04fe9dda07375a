"""CelebAMask-HQ (Lee et al., "MaskGAN", CVPR 2020) as it is downloaded: 30,000 images of CelebA in high resolution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.index import FaceDataset, Unmatched
from wsegs.datasets.join import checked_names, join_images
from wsegs.datasets.layouts.celeba import FOLDERS, IDENTITY, PARTITION, read_attributes
from wsegs.datasets.listing import first_file, first_folder, scan_folder
from wsegs.datasets.parsing import CELEBAMASK_IMAGES
from wsegs.datasets.tables.numeric import Table, read_table
from wsegs.datasets.tables.separators import blank_rows
from wsegs.datasets.tables.text import read_text
from wsegs.errors import DataError

ATTRIBUTES = ("CelebAMask-HQ-attribute-anno.txt",)
MAPPING = ("CelebA-HQ-to-CelebA-mapping.txt",)
# Where CelebA may lie, relative to the data set.
_CELEBA = (".", "..", "../celeba", "../CelebA")


def is_celebamask_hq(data: Path) -> bool:
    """Return whether a folder holds CelebAMask-HQ's images under their own name, and none of CelebA's folders."""
    celeba = (*FOLDERS["aligned"], *FOLDERS["wild"])
    return first_folder(data, (CELEBAMASK_IMAGES,)) is not None and first_folder(data, celeba) is None


def open_celebamask_hq(data: Path, unknown: str | None = None) -> FaceDataset:
    """Open the images and their 40 attributes.

    People and splits are those of the images of CelebA that they were made from, where CelebA's tables lie in the
    folder, in the one above or in ``celeba`` beside it; else every image is in the train split and nobody is known.

    Parameters
    ----------
    data
        The folder with ``CelebA-HQ-img``.
    unknown
        A value of the table of attributes that is unknown.

    Raises
    ------
    DataError
        If a table is malformed, or no image has a row.
    """
    folder = data / CELEBAMASK_IMAGES
    listing = scan_folder(folder)
    files = {name: name for name in listing.images}
    if not files:
        raise DataError(f"{folder}: expected images, got none")
    notes: tuple[str, ...] = ()
    source = first_file(data, ATTRIBUTES)
    images, names = listing.images, tuple[str, ...]()
    unmatched: tuple[Unmatched, ...] = ()
    attributes: NDArray[np.int8] = np.zeros((len(images), 0), np.int8)
    if source is not None:
        table = read_table(source, None)
        values, notes = read_attributes(table, unknown)
        joined = join_images(_names(table), source, files, folder)
        images, unmatched, names = joined.images, tuple(joined.unmatched), table.columns
        attributes = values[joined.rows]
    originals, mapped = _originals(data, images)
    split, split_note = _looked_up(data, PARTITION, "partition", originals, "split")
    identity, people_note = _looked_up(data, IDENTITY, "identity", originals, "people")
    return FaceDataset(
        name="celebamask-hq",
        root=folder.absolute(),
        images=tuple(images),
        attribute_names=names,
        attributes=attributes,
        identity=identity.astype(np.int32),
        split=np.maximum(split, 0).astype(np.int8),
        unmatched=unmatched,
        source="" if source is None else source.name,
        notes=(*notes, *mapped, *split_note, *people_note, *listing.notes()),
        others=tuple(f"{CELEBAMASK_IMAGES}/{name}" for name in listing.others),
    )


def _names(table: Table) -> list[str]:
    return checked_names(table.path, table.names, table.lines)


def _originals(data: Path, images: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return the image of CelebA that each was made from, "" where that is not known, and notes."""
    path = first_file(data, MAPPING)
    if path is None:
        return [""] * len(images), (f"no {MAPPING[0]}: splits and people are those of no table",)
    original = {}
    for line, fields in blank_rows(read_text(path)):
        if len(fields) != 3:
            raise DataError(f"{path}, line {line}: expected idx, orig_idx and orig_file, got '{' '.join(fields)[:60]}'")
        original[fields[0]] = fields[2]
    return [original.get(Path(name).stem, "") for name in images], ()


def _looked_up(
    data: Path, candidates: tuple[str, ...], column: str, originals: list[str], what: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return a number of each image by a table of CelebA, -1 where it is not known, and where they are from."""
    unknown = np.full(len(originals), -1, np.int64)
    path = next((found for folder in _CELEBA if (found := first_file(data / folder, candidates))), None)
    if path is None or not any(originals):
        return unknown, ()
    table = read_table(path, (column,), header=False)
    value = dict(zip(table.names, np.nan_to_num(table.values[:, 0].astype(np.float64), nan=-1).tolist(), strict=True))
    numbers = np.array([value.get(name, -1) for name in originals])
    if column == "partition" and not np.isin(numbers, (-1, 0, 1, 2)).all():
        raise DataError(f"{path}: expected 0 (train), 1 (validation) or 2 (test)")
    return numbers.astype(np.int64), (f"the {what} by CelebA's {path.name} in {path.parent}",)
