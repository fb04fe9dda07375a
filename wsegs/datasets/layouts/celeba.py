"""CelebA (Liu et al., "Deep learning face attributes in the wild", ICCV 2015), official, torchvision's and Kaggle's."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.index import FaceDataset
from wsegs.datasets.join import Joined, checked_names, join_images, join_table
from wsegs.datasets.listing import first_file, first_folder, scan_folder
from wsegs.datasets.tables.cells import number_of
from wsegs.datasets.tables.numeric import Table, read_table
from wsegs.errors import MissingError, OptionError

# Official layout first, then torchvision's, then Kaggle's.
ATTRIBUTES = ("Anno/list_attr_celeba.txt", "list_attr_celeba.txt", "list_attr_celeba.csv")
PARTITION = (
    "Eval/list_eval_partition.txt",
    "Anno/list_eval_partition.txt",
    "list_eval_partition.txt",
    "list_eval_partition.csv",
)
IDENTITY = ("Anno/identity_CelebA.txt", "identity_CelebA.txt", "identity_CelebA.csv")
BOXES = ("Anno/list_bbox_celeba.txt", "list_bbox_celeba.txt", "list_bbox_celeba.csv")
POINTS = {
    "aligned": (
        "Anno/list_landmarks_align_celeba.txt",
        "list_landmarks_align_celeba.txt",
        "list_landmarks_align_celeba.csv",
    ),
    "wild": ("Anno/list_landmarks_celeba.txt", "list_landmarks_celeba.txt", "list_landmarks_celeba.csv"),
}
# Kaggle's folder lies in one of the same name, so the inner one comes first.
FOLDERS = {
    "aligned": (
        "Img/img_align_celeba",
        "img_align_celeba/img_align_celeba",
        "img_align_celeba",
        "Img/img_align_celeba_png",
        "img_align_celeba_png",
    ),
    "wild": ("Img/img_celeba", "img_celeba/img_celeba", "img_celeba"),
}
_BOX_COLUMNS = ("x_1", "y_1", "width", "height")
_POINT_COLUMNS = tuple(
    f"{point}_{axis}" for point in ("lefteye", "righteye", "nose", "leftmouth", "rightmouth") for axis in ("x", "y")
)

# The five points of the mean aligned face, x and y: medians over the 11,144 of 11,500 official crops that dlib's HOG
# finds, of dlib's 68 points reduced by `IBUG68.five_points`, rounded to half a pixel. The paper does not give them.
ALIGNED_POINTS = ((69.5, 112.5), (107.5, 112.5), (88.0, 135.0), (71.0, 153.0), (106.0, 153.0))
ALIGNED_SIZE = (218, 178)


def is_celeba(data: Path) -> bool:
    """Return whether a folder holds CelebA's table of attributes, or one of its folders of images."""
    if first_file(data, ATTRIBUTES):
        return True
    folders = (*FOLDERS["aligned"], *FOLDERS["wild"])
    return first_folder(data, folders) is not None and first_file(data, ("labels.csv", "labels.tsv")) is None


def open_celeba(data: Path, images: str = "aligned", unknown: str | None = None) -> FaceDataset:
    """Open CelebA in its official layout, torchvision's or Kaggle's.

    The table of attributes is required. Without a table of partitions every image is in the train split; without
    a table of identities all are -1. Boxes exist for the images in the wild. The files of ``img_align_celeba_png`` end
    in ``.png`` where the tables have ``.jpg``: only these are joined by stem.

    Parameters
    ----------
    data
        The folder with ``Anno``, ``Eval`` and ``Img``, or with the tables themselves.
    images
        "aligned" or "wild".
    unknown
        A value of the table of attributes that is unknown, such as "0"; without it, 0 is absent where no -1 stands.

    Raises
    ------
    OptionError
        If ``images`` is neither.
    MissingError
        If there is no table of attributes or no folder of these images.
    DataError
        If a table is malformed (the message names the line), or no image has a row.
    """
    if images not in FOLDERS:
        raise OptionError(f"unknown images '{images}': expected aligned or wild")
    attributes_path = first_file(data, ATTRIBUTES)
    if attributes_path is None:
        raise MissingError(f"{data}: CelebA needs its attributes: expected {' or '.join(ATTRIBUTES)}")
    folder = first_folder(data, FOLDERS[images])
    if folder is None:
        other = "wild" if images == "aligned" else "aligned"
        hint = f"; there is {found}, for --images {other}" if (found := first_folder(data, FOLDERS[other])) else ""
        raise MissingError(f"{data}: no {images} images: expected {' or '.join(FOLDERS[images])}{hint}")

    listing = scan_folder(folder)
    listed = listing.images
    # The key of an image is its name in the tables.
    if folder.name.endswith("_png"):
        listed = [name for name in listed if name.endswith(".png")]
        files = {f"{name.removesuffix('.png')}.jpg": name for name in listed}
    else:
        files = {name: name for name in listed}

    table = read_table(attributes_path, None)
    attributes, notes = read_attributes(table, unknown)
    joined = join_images(_names(table), attributes_path, files, folder)
    known = {*table.names, *files}

    # First the partition, which drops images; then the tables that are looked up for those that remain.
    split = np.zeros(len(joined.images), np.int8)
    if path := first_file(data, PARTITION):
        partition = read_table(path, ("partition",), header=False)
        partition.require(np.isin(partition.values, (0, 1, 2)), "0 (train), 1 (validation) or 2 (test)")
        rows = join_table(joined, _names(partition), path, known, required=True)
        split = partition.values[rows, 0].astype(np.int8)

    identity: NDArray[np.int32] = np.full(len(joined.images), -1, np.int32)
    if path := first_file(data, IDENTITY):
        people = read_table(path, ("identity",), header=False)
        numbers: NDArray[np.float64] = np.nan_to_num(people.values.astype(np.float64), nan=-1)
        people.require((numbers >= -1) & (numbers % 1 == 0), "the number of a person, 0 or more, or -1 (unknown)")
        rows = join_table(joined, _names(people), path, known)
        identity = np.where(rows >= 0, numbers[rows, 0], -1).astype(np.int32)

    boxes = None
    if images == "wild" and (path := first_file(data, BOXES)):
        boxes = _looked_up(joined, read_table(path, _BOX_COLUMNS), known)
        boxes[~(boxes[:, 2:] > 0).all(axis=1)] = np.nan

    points = None
    if path := first_file(data, POINTS[images]):
        points = _looked_up(joined, read_table(path, _POINT_COLUMNS), known).reshape(-1, 5, 2)

    return FaceDataset(
        name=f"celeba-{images}",
        root=folder.absolute(),
        images=tuple(joined.images),
        attribute_names=table.columns,
        attributes=attributes[joined.rows],
        identity=identity,
        split=split,
        boxes=boxes,
        points=points,
        unmatched=tuple(joined.unmatched),
        aligned_points=np.array(ALIGNED_POINTS, np.float32) if images == "aligned" else None,
        image_size=ALIGNED_SIZE if images == "aligned" else None,
        source=attributes_path.name,
        notes=(*notes, *joined.notes, *listing.notes()),
        others=(*_unread_tables(data), *(f"{folder.relative_to(data).as_posix()}/{name}" for name in listing.others)),
    )


def read_attributes(table: Table, unknown: str | None = None) -> tuple[NDArray[np.int8], tuple[str, ...]]:
    """Return what a table in CelebA's convention says, int8 (N, A), 1, 0 (absent) and -1 (unknown), and notes on it.

    Absent is -1; or 0, if no -1 stands in the file.

    Raises
    ------
    DataError
        If a value is none of these; the message names the line.
    """
    values: NDArray[np.float64] = table.values.astype(np.float64)
    if unknown is not None:
        number = number_of(unknown)
        values[values == (np.nan if number is None else number)] = np.nan
    nothing = np.isnan(values)
    minus, zero = np.any(values == -1), np.any(values == 0)
    known = (-1, 1) if minus or not zero else (0, 1)
    hint = "; --unknown 0 says that 0 is unknown" if minus and zero else ""
    table.require(nothing | np.isin(values, known), f"1 or {known[0]}", hint)
    notes = () if minus or not zero else (f"{table.path.name}: 0 is absent, since no -1 stands there",)
    return np.where(nothing, -1, values == 1).astype(np.int8), notes


def _unread_tables(data: Path) -> tuple[str, ...]:
    """Return which tables lie beside those of CelebA."""
    tables = (*ATTRIBUTES, *PARTITION, *IDENTITY, *BOXES, *POINTS["aligned"], *POINTS["wild"])
    known = {PurePosixPath(name).stem.lower() for name in tables}
    return tuple(
        file.relative_to(data).as_posix()
        for folder in (data, data / "Anno", data / "Eval")
        if folder.is_dir()
        for file in folder.iterdir()
        if file.suffix.lower() in (".txt", ".csv", ".tsv") and file.stem.lower() not in known
    )


def _names(table: Table) -> list[str]:
    return checked_names(table.path, table.names, table.lines)


def _looked_up(joined: Joined, table: Table, known: set[str]) -> NDArray[np.float32]:
    """Return the table's values for each image, (N, C) float32, nan where it has no row."""
    rows = join_table(joined, _names(table), table.path, known)
    return np.where(rows[:, None] >= 0, table.values[rows], np.nan).astype(np.float32)
