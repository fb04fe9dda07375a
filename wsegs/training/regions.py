"""Build the source of regions for a network that reads regions."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from wsegs.nets.layers.posed_parts import PosedParts
from wsegs.nets.layers.region_sources import DrawnRegions, KnownRegions, LandmarkBoxes, RegionSource
from wsegs.rules import compile_rules
from wsegs.tasks.batch import SampleFields
from wsegs.training.plan import RulesPlan, TrainingPlan
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
    if regions.rules is not None:
        return DrawnRegions(plan.network.regions, size, _mean_face(regions.rules, size)), None
    if regions.parts is not None:
        return PosedParts(regions.parts.places, size, torch.tensor(regions.parts.mean_points)), None
    if regions.source == "landmarks":
        return LandmarkBoxes(plan.network.size, size, regions.box_area, regions.aspects), None
    parsed = None
    if regions.parser is not None:
        parsed = load_parser(regions.parser, size, hard=regions.hard, weights=weights)
    return parsed, None if regions.source == "parser" else KnownRegions(plan.network.regions, size)


def fields_of_regions(plan: TrainingPlan, network: nn.Module) -> SampleFields:
    """Return what of a sample the regions need that a network reads in training."""
    if plan.regions is None:
        return SampleFields()
    size: tuple[int, int] = network.region_size  # type: ignore[assignment]
    if plan.regions.rules is not None:
        return SampleFields(regions=size)
    return SampleFields() if plan.sources[0].class_maps is None else SampleFields(classes=size)


def _mean_face(plan: RulesPlan, size: tuple[int, int]) -> Tensor:
    """Return the region integers of the mean face, int64 (h, w)."""
    rules = compile_rules(plan.text, plan.source)
    return torch.from_numpy(rules.draw_resized(np.array([plan.mean_face]), plan.size, size)[0])
