"""Doubt the class map of human masks that a training reads: masks may be numbered in another order."""

from __future__ import annotations

import numpy as np

from wsegs.datasets.parsing import read_parsing
from wsegs.errors import WsegsError
from wsegs.geometry.warp import warp_classes
from wsegs.rules.tuning.class_map import OUTSIDE
from wsegs.rules.tuning.class_order import class_order_doubt
from wsegs.training.plan import TrainingPlan
from wsegs.training.samples.class_maps import HumanClasses, open_class_maps
from wsegs.training.samples.opening import OpenStore, open_planned
from wsegs.training.samples.store_source import StoreSource

_SAMPLE = 16  # faces on which a store's regions and human masks are compared


def class_map_doubts(plan: TrainingPlan) -> list[str]:
    """Return in words why human masks may be numbered otherwise than their class map says; empty without a reason.

    Only masks of a store's images are compared, with the regions that the rules draw there.
    """
    doubts = []
    for source in plan.sources:
        if source.class_maps is None or source.class_maps.source != "masks" or source.kind != "store":
            continue
        opened = open_planned(source, plan.network.size)
        maps = open_class_maps(source.class_maps, opened.labelled, opened.name)
        assert isinstance(opened, OpenStore)
        assert isinstance(maps, HumanClasses)
        try:
            doubt = _doubt(opened, maps)
        except WsegsError:
            continue  # an image or mask that cannot be read is the training's to report
        if doubt:
            doubts.append(f"{source.class_maps.folder}: {doubt}")
    return doubts


def _doubt(opened: OpenStore, maps: HumanClasses) -> str:
    store = opened.labelled
    rows = np.flatnonzero(opened.has_face & opened.usable & (store.split == 0))
    if not len(rows):
        return ""
    rows = np.unique(rows[np.linspace(0, len(rows) - 1, min(_SAMPLE, len(rows))).astype(np.intp)])
    images = StoreSource(opened, store.size)
    masks = [
        warp_classes(read_parsing(maps.file(row)), store.affine[row], images.image_size(row), store.size, OUTSIDE)
        for row in rows.tolist()
    ]
    return class_order_doubt(store.regions(rows), store.region_names, np.stack(masks), maps.class_map)
