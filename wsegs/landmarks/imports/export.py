"""Write landmarks as a table that :mod:`wsegs.landmarks.imports` reads back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from wsegs.io.files import write_table
from wsegs.landmarks.imports.tables import coordinate_columns

if TYPE_CHECKING:
    from wsegs.landmarks.table import LandmarkTable


def write_csv(path: str | os.PathLike[str], table: LandmarkTable) -> None:
    """Write the landmarks that were found as CSV: image, x_0, ..., y_0, ...; an existing file is replaced.

    The last columns, image_width and image_height, say which images the points belong to. Numbers are written with as
    many digits as give the same float32 back.
    """
    found = np.flatnonzero(table.found)
    rows = (
        [table.images[row], *(str(value) for value in table.landmarks[row].T.ravel()), *table.image_size[row].tolist()]
        for row in found
    )
    write_table(path, ["image", *coordinate_columns(table.scheme.count), "image_width", "image_height"], rows)
