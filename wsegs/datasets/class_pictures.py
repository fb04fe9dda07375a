"""Write a folder for each class out of other data sets, so that nothing tells the classes apart but what is to be seen.

Faces and other things from different sources differ in size, shape, colour and sharpness, and a network would look at
those first. Here all pictures become squares of one size, cut from the middle and never enlarged, and grey.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from wsegs.datasets import open_dataset
from wsegs.datasets.index import FaceDataset
from wsegs.errors import DataError, OptionError, OutputExistsError
from wsegs.geometry.warp import resize_image
from wsegs.io.files import write_table
from wsegs.io.images import image_size, read_image
from wsegs.io.lock import locks_output

SOURCES = "sources.csv"
"""The table of where each picture comes from."""


class Picture(NamedTuple):
    """A picture of a class: its file, and the data set that it comes from."""

    file: Path
    source: Path


@dataclass(frozen=True)
class Choice:
    """Pictures of a class that can be taken, and how many can not.

    Attributes
    ----------
    pictures
        Those that are large enough.
    small, unreadable
        How many are too small, and cannot be read.
    """

    pictures: list[Picture]
    small: int
    unreadable: int


@locks_output()
def write_class_pictures(
    classes: Mapping[str, Sequence[Path]],
    output: Path,
    *,
    side: int = 128,
    count: int | None = None,
    colours: bool = False,
    seed: int = 0,
    force: bool = False,
) -> dict[str, Any]:
    """Write as many pictures of each class into a folder of its name; ``sources.csv`` says where they come from.

    Parameters
    ----------
    classes
        Name -> folders of data sets, in any layout that :func:`wsegs.datasets.open_dataset` knows. Of a data set with
        splits only the train split is taken, so that nobody who is tested on is seen before.
    output
        The folder; there or not at all.
    side
        Of the squares, in pixels. Pictures with a shorter side are left out: enlarged ones are blurred.
    count
        Pictures of each class; None is as many as the class has that has the fewest.
    colours
        Keep colours.
    seed
        Which of them.
    force
        Overwrite a folder that this function wrote.

    Returns
    -------
    A JSON-able summary.

    Raises
    ------
    OptionError
        If there are fewer than two classes, a name is no folder's, or a class has fewer pictures than ``count``.
    OutputExistsError
        If the folder is there, and ``force`` is false or it is another folder.
    MissingError, DataError
        If a data set is not there or has no picture that is large enough.
    """
    check_classes(classes)
    check_output_folder(output, force=force)
    chosen = {name: _choose(name, folders, side) for name, folders in classes.items()}
    fewest = min(chosen, key=lambda name: len(chosen[name].pictures))
    taken = len(chosen[fewest].pictures) if count is None else count
    if taken > len(chosen[fewest].pictures):
        raise OptionError(
            f"--count {taken}: expected at most {len(chosen[fewest].pictures)}, so many pictures of at least"
            f" {side}x{side} there are of '{fewest}'"
        )
    temporary = output.with_name(f".{output.name}.writing")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        _write(chosen, temporary, taken, side, colours, seed)
        if output.is_dir():
            shutil.rmtree(output)
        temporary.rename(output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return {
        "output": str(output),
        "side": side,
        "colours": colours,
        "pictures": taken,
        "classes": {
            name: {"found": len(choice.pictures), "too_small": choice.small, "unreadable": choice.unreadable}
            for name, choice in chosen.items()
        },
    }


def check_classes(classes: Mapping[str, Sequence[Path]]) -> None:
    """Check that there are two classes or more, with names that folders can have.

    Raises
    ------
    OptionError
        If that is not so.
    """
    if len(classes) < 2:
        raise OptionError(f"expected two classes or more, got {', '.join(classes) or 'none'}")
    for name in classes:
        if not name or name.startswith(".") or Path(name).name != name:
            raise OptionError(f"'{name}': expected the name of a class, which becomes a folder")


def check_output_folder(output: Path, *, force: bool) -> None:
    """Check that a folder of classes may be written.

    Raises
    ------
    OutputExistsError
        If the folder is there, and ``force`` is false or it is another folder.
    """
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    if not (output / SOURCES).is_file():
        raise OutputExistsError(f"{output}: exists and was not written by wsegs classes; -o names another folder")
    if not force:
        raise OutputExistsError(f"{output}: exists already; --force overwrites it, -o names another folder")


def _choose(name: str, folders: Sequence[Path], side: int) -> Choice:
    pictures, small, unreadable = [], 0, 0
    for folder in folders:
        dataset = open_dataset(folder)
        for row in tqdm(_training_rows(dataset), unit="image", desc=f"{name}: {folder}", disable=None):
            file = dataset.path(int(row))
            try:
                enough = min(image_size(file)) >= side
            except DataError:
                unreadable += 1
                continue
            if enough:
                pictures.append(Picture(file, folder))
            else:
                small += 1
    if not pictures:
        named = ", ".join(map(str, folders))
        raise DataError(f"{named}: expected pictures of at least {side}x{side} for the class '{name}', got none")
    return Choice(pictures, small, unreadable)


def _training_rows(dataset: FaceDataset) -> NDArray[np.intp]:
    return np.flatnonzero(dataset.split == 0)


def _write(chosen: Mapping[str, Choice], folder: Path, count: int, side: int, colours: bool, seed: int) -> None:
    rows = []
    with tqdm(total=count * len(chosen), unit="image", desc="classes", disable=None) as bar:
        for name, choice in chosen.items():
            (folder / name).mkdir(parents=True)
            order = np.random.default_rng(seed).permutation(len(choice.pictures))[:count]
            for number, position in enumerate(order):
                picture = choice.pictures[position]
                image = f"{name}/{number:06d}.png"
                (folder / image).write_bytes(_encoded(read_image(picture.file), side, colours))
                rows.append((image, name, picture.file, picture.source))
                bar.update()
    write_table(folder / SOURCES, ["image", "class", "file", "data"], rows)


def _encoded(image: NDArray[np.uint8], side: int, colours: bool) -> bytes:
    """Return the middle square of an image, resized, as a PNG file."""
    height, width = image.shape[:2]
    shorter = min(height, width)
    top, left = (height - shorter) // 2, (width - shorter) // 2
    square = resize_image(image[top : top + shorter, left : left + shorter], (side, side))
    _, encoded = cv2.imencode(".png", cv2.cvtColor(square, cv2.COLOR_RGB2BGR if colours else cv2.COLOR_RGB2GRAY))
    return encoded.tobytes()
