"""Find the landmarks of a few images: the work of one worker process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import WsegsError
from wsegs.io.images import open_photo, reason
from wsegs.landmarks.chain import ChainOptions, load_chain
from wsegs.landmarks.table import STATUS_NAMES, UNREADABLE


def record_type(points: int) -> np.dtype[Any]:
    """Return the dtype of one image's result with ``points`` landmarks."""
    return np.dtype(
        [
            ("index", "<u4"),
            ("status", "u1"),
            ("faces", "<i2"),
            ("score", "<f4"),
            ("frames", "<u2"),
            ("box", "<f4", (4,)),
            ("image_size", "<i4", (2,)),
            ("landmarks", "<f4", (points, 2)),
            ("reason", "S120"),  # why an image is unreadable, UTF-8
        ]
    )


@dataclass(frozen=True)
class ImageTask:
    """One image to find landmarks in.

    Attributes
    ----------
    index
        Its row.
    path
        The file.
    box
        x, y, width, height of the face that the data set means, where it has boxes.
    detect
        Whether to find landmarks; else the file is only read for its size.
    points
        Five points x0, y0, x1, ... of a known face, which is then not searched for.
    square
        Square of a known face, framed as the HOG detector frames it, which is then not searched for.
    """

    index: int
    path: str
    box: tuple[float, ...] | None
    detect: bool
    points: tuple[float, ...] | None = None
    square: tuple[float, ...] | None = None


def find_in_chunk(options: ChainOptions, tasks: list[ImageTask], points: int) -> NDArray[Any]:
    """Return the records of some images, (n,) of :func:`record_type`; detectors stay loaded between calls."""
    chain = load_chain(options)
    records = np.zeros(len(tasks), record_type(points))
    for record, task in zip(records, tasks, strict=True):
        record["index"] = task.index
        record["box"] = record["landmarks"] = record["score"] = np.nan
        record["faces"] = -1
        try:
            photo = open_photo(task.path, options.max_side)
        except WsegsError as error:
            record["status"] = UNREADABLE
            record["reason"] = reason(error, task.path).encode("utf-8", "replace")[:120]
            continue
        record["image_size"] = photo.size
        record["frames"] = min(photo.frames, np.iinfo(np.uint16).max)
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
        record["score"] = face.score
        if face.landmarks is not None and face.box is not None:
            record["landmarks"] = face.landmarks
            record["box"] = face.box
    return records
