"""What an earlier ``wsegs landmarks`` found, for the images that there are now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError
from wsegs.landmarks.image_sizes import check_image_sizes
from wsegs.landmarks.known import sizes_of
from wsegs.landmarks.scaling import Scale, scaled, scaled_boxes
from wsegs.landmarks.table import REJECTED, STATUS_NAMES, LandmarkTable
from wsegs.landmarks.tasks import record_type
from wsegs.schemes import LandmarkScheme

if TYPE_CHECKING:
    from wsegs.datasets.index import FaceDataset


def kept_records(
    dataset: FaceDataset, earlier: LandmarkTable | None, scheme: LandmarkScheme, scale: Scale | None = None
) -> NDArray[Any]:
    """Return the records of the images whose faces an earlier call found or somebody rejected, joined by name.

    Parameters
    ----------
    dataset
        The images.
    earlier
        The table of the earlier call; None for none.
    scheme
        What the points are.
    scale
        Where it is given, faces on images that were resized since are scaled to them.

    Raises
    ------
    DataError
        If the earlier points are of another scheme, or were found on images of another size.
    """
    if earlier is None:
        return np.zeros(0, record_type(scheme.count))
    if not earlier.scheme.agrees_with(scheme):
        raise DataError(f"the earlier landmarks are '{earlier.scheme.name}', those to be found '{scheme.name}'")
    decided = earlier.found | (earlier.status == REJECTED)
    rows = {name: row for row, name in enumerate(earlier.images) if decided[row]}
    pairs = [(index, rows[name]) for index, name in enumerate(dataset.images) if name in rows]
    index, row = np.array(pairs, np.intp).reshape(-1, 2).T
    status = np.array([STATUS_NAMES.index(name) for name in earlier.status_names], np.uint8)
    records = np.zeros(len(pairs), record_type(scheme.count))
    records["index"] = index
    rejected = earlier.status[row] == REJECTED
    records["status"] = np.where(rejected, np.uint8(REJECTED), status[np.where(rejected, 0, earlier.status[row])])
    records["faces"] = earlier.faces[row]
    records["score"] = earlier.score[row]
    records["box"] = earlier.boxes[row]
    records["image_size"] = earlier.image_size[row]
    records["landmarks"] = earlier.landmarks[row]
    records = _fitted(dataset, records, scale)
    names = [dataset.images[row] for row in index]
    what = "the landmarks to update"
    check_image_sizes(dataset.root, names, records["image_size"], what, "--import-scale file scales them")
    return records


def _fitted(dataset: FaceDataset, kept: NDArray[Any], scale: Scale | None) -> NDArray[Any]:
    """Return the records of an earlier call, scaled to the images as they are now where somebody asks for it."""
    if scale is None or scale.as_it_is or not len(kept):
        return kept
    sizes, made_on = sizes_of(dataset, kept["index"]), kept["image_size"].copy()
    rows = np.flatnonzero((sizes > 0).all(axis=1) & (sizes != made_on).any(axis=1))
    sizes, made_on = sizes[rows], made_on[rows]

    def fitted(values: NDArray[np.floating]) -> NDArray[np.floating]:
        return scaled(values, Scale("file"), sizes, made_on, np.zeros(len(rows), np.uint8))

    if len(rows):
        kept["landmarks"][rows] = fitted(kept["landmarks"][rows])
        kept["box"][rows] = scaled_boxes(kept["box"][rows], fitted)
        kept["image_size"][rows] = sizes
    return kept
