"""Build the source of regions for a network that reads regions."""

from __future__ import annotations

from torch import nn

from wsegs.nets.layers.region_sources import KnownRegions, LandmarkBoxes, RegionSource
from wsegs.training.plan import TrainingPlan
from wsegs.training.weights import load_parser


def build_regions(
    plan: TrainingPlan, network: nn.Module, *, weights: bool = True
) -> tuple[RegionSource | None, RegionSource | None]:
    """Return what draws the regions of new images, and what does so in training where that is something else.

    Parameters
    ----------
    plan
        Of a training.
    network
        Says in which size it wants regions.
    weights
        Load the parser's from its own run; False leaves them to a checkpoint.
    """
    regions = plan.regions
    if regions is None:
        return None, None
    size: tuple[int, int] = network.region_size  # type: ignore[assignment]
    if regions.source == "landmarks":
        return LandmarkBoxes(plan.network.size, size, regions.box_area, regions.aspects), None
    parsed = None
    if regions.parser is not None:
        parsed = load_parser(regions.parser, size, hard=regions.hard, weights=weights)
    return parsed, None if regions.source == "parser" else KnownRegions(plan.network.regions, size)
