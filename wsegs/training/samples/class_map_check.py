"""Doubt the class map of human masks that a training reads: masks may be numbered in another order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.parsing import read_parsing
from wsegs.errors import WsegsError
from wsegs.geometry.frame import Frame
from wsegs.geometry.matrices import transform_points
from wsegs.geometry.warp import warp_classes
from wsegs.io.images import open_photo
from wsegs.landmarks.chain import MAX_SIDE, landmarks_of_image
from wsegs.rules import load_rules
from wsegs.rules.tuning.class_map import OUTSIDE
from wsegs.rules.tuning.class_order import class_order_doubt
from wsegs.schemes import IBUG68
from wsegs.training.plan import TrainingPlan
from wsegs.training.samples.class_maps import HumanClasses, open_class_maps
from wsegs.training.samples.opening import OpenData, OpenStore, open_planned
from wsegs.training.samples.store_source import StoreSource

_SAMPLE = 16  # faces on which regions and human masks are compared
_RULES, _FRAME = "celeba", Frame("face", (218, 178))


def class_map_doubts(plan: TrainingPlan) -> list[str]:
    """Return in words why human masks may be numbered otherwise than their class map says; empty without a reason.

    Some masks are compared: those of a store's images with its regions, others with what :data:`_RULES` draws by the
    landmarks that are found there.
    """
    doubts = []
    for source in plan.sources:
        if source.class_maps is None or source.class_maps.source != "masks":
            continue
        opened = open_planned(source, plan.network.size)
        maps = open_class_maps(source.class_maps, opened.labelled, opened.name)
        assert isinstance(maps, HumanClasses)
        try:
            doubt = _doubt(opened, maps) if isinstance(opened, OpenStore) else _doubt_of_data(opened, maps)
        except WsegsError:
            continue  # what cannot be read is the training's to report; without detectors nothing is compared
        if doubt:
            doubts.append(f"{source.class_maps.folder}: {doubt}")
    return doubts


def _doubt(opened: OpenStore, maps: HumanClasses) -> str:
    store = opened.labelled
    rows = np.flatnonzero(opened.has_face & opened.usable & (store.split == 0))
    if not len(rows):
        return ""
    rows = _some(rows)
    images = StoreSource(opened, store.size)
    masks = [
        warp_classes(read_parsing(maps.file(row)), store.affine[row], images.image_size(row), store.size, OUTSIDE)
        for row in rows.tolist()
    ]
    return class_order_doubt(store.regions(rows), store.region_names, np.stack(masks), maps.class_map)


def _doubt_of_data(opened: OpenData, maps: HumanClasses) -> str:
    rules = load_rules(_RULES)
    regions, masks = [], []
    for row in _some(np.flatnonzero(opened.usable & (opened.labelled.split == 0))).tolist():
        photo = open_photo(opened.labelled.path(row), MAX_SIDE)
        found = landmarks_of_image(photo).landmarks
        if found is None:
            continue
        width, height = photo.size
        affine = _FRAME.affine(IBUG68.five_points(found[None]), np.array([photo.size]))
        regions.append(rules.draw(transform_points(found[None], affine), _FRAME.size)[0])
        masks.append(warp_classes(read_parsing(maps.file(row)), affine[0], (height, width), _FRAME.size, OUTSIDE))
    if not masks:
        return ""
    return class_order_doubt(np.stack(regions), rules.region_names, np.stack(masks), maps.class_map)


def _some(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    return np.unique(rows[np.linspace(0, len(rows) - 1, min(_SAMPLE, len(rows))).astype(np.intp)])
