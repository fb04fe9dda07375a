"""What a worker does: a few images to the journal's records of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import WsegsError
from wsegs.io.images import open_photo, reason
from wsegs.landmarks.chain import ChainOptions, load_chain
from wsegs.landmarks.journal import record_type
from wsegs.landmarks.table import STATUS_NAMES, UNREADABLE


@dataclass(frozen=True)
class ImageTask:
    """One image for a worker.

    Attributes
    ----------
    index
        Its row.
    path
        The file.
    box
        x, y, width, height of the face that the data set means, if it says so.
    detect
        False if its landmarks are known already: the file is then only read, for its size.
    points
        Its five points, x and y by turns, if the face is not to be searched and they are known.
    square
        Its square, framed as HOG's, if it is not to be searched and that is known.
    """

    index: int
    path: str
    box: tuple[float, ...] | None
    detect: bool
    points: tuple[float, ...] | None = None
    square: tuple[float, ...] | None = None


def find_in_chunk(options: ChainOptions, tasks: list[ImageTask], points: int) -> NDArray[Any]:
    """Return the journal's records of some images. Runs in a worker, whose detectors stay loaded between calls."""
    chain = load_chain(options)
    records = np.zeros(len(tasks), record_type(points))
    for record, task in zip(records, tasks, strict=True):
        record["index"] = task.index
        record["box"] = record["landmarks"] = np.nan
        record["faces"] = -1
        try:
            photo = open_photo(task.path, options.max_side)
        except WsegsError as error:
            record["status"] = UNREADABLE
            record["reason"] = reason(error, task.path).encode("utf-8", "replace")[:120]
            continue
        record["image_size"] = photo.size
        if not task.detect:
            continue
        if task.points is not None:
            face = chain.find_at(photo, points=np.array(task.points, np.float32).reshape(5, 2))
        elif task.square is not None:
            face = chain.find_at(photo, square=np.array(task.square, np.float32))
        else:
            face = chain.find(photo, None if task.box is None else np.array(task.box, np.float32))
        record["status"] = STATUS_NAMES.index(face.found_by)
        record["faces"] = face.faces
        if face.landmarks is not None and face.box is not None:
            record["landmarks"] = face.landmarks
            record["box"] = face.box
    return records
