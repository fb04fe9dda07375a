"""How well maps of where a network looks agree with masks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""Shares of a map's maximum from which on a pixel counts as looked at."""


class MapScores(NamedTuple):
    """Scores of the maps of N faces and A attributes; nan where there is no mask, or (but for ``area``) no map.

    Attributes
    ----------
    energy
        (N, A): the share of a map that lies in the mask (the energy-based pointing game of Wang et al., "Score-CAM",
        2020). A map that is the same everywhere has the mask's area.
    pointing
        (N, A): 1 if the maximum lies in the mask, without tolerance; of several equal ones the share that does (Zhang
        et al., "Top-down neural attention by excitation backprop", 2016).
    iou
        (N, A, T): intersection over union of the mask and the pixels above each of :data:`THRESHOLDS`.
    area
        (N, A): the mask's share of the image.
    """

    energy: NDArray[np.float32]
    pointing: NDArray[np.float32]
    iou: NDArray[np.float32]
    area: NDArray[np.float32]


def score_maps(maps: Tensor, masks: Tensor) -> MapScores:
    """Score maps against masks.

    Parameters
    ----------
    maps
        float (B, A, h, w), 0 or more: how much a network looks there.
    masks
        bool (B, A, h, w). Empty: there is nothing to find, as of an image without a face.

    >>> mask = torch.tensor([[[[True, True, False, False]]]])
    >>> scores = score_maps(torch.tensor([[[[3.0, 0.0, 1.0, 0.0]]]]), mask)
    >>> [round(values.max().item(), 2) for values in scores]
    [0.75, 1.0, 0.5, 0.5]
    """
    maps, masks = maps.double().flatten(2), masks.flatten(2)
    total, size = maps.sum(dim=2), masks.sum(dim=2)
    most = maps.amax(dim=2, keepdim=True)
    undefined = (size == 0) | (total <= 0)
    energy = (maps * masks).sum(dim=2) / total
    peak = maps >= most
    pointing = (peak & masks).sum(dim=2) / peak.sum(dim=2)
    overlaps = []
    for threshold in THRESHOLDS:
        looked = maps >= threshold * most
        overlaps.append((looked & masks).sum(dim=2) / (looked | masks).sum(dim=2))
    area = size / masks.shape[2]
    return MapScores(
        _defined(energy, undefined),
        _defined(pointing, undefined),
        _defined(torch.stack(overlaps, dim=2), undefined[:, :, None]),
        _defined(area, size == 0),
    )


def join_scores(parts: list[MapScores]) -> MapScores:
    """Return the scores of several batches as those of one."""
    return MapScores(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _defined(values: Tensor, undefined: Tensor) -> NDArray[np.float32]:
    return np.asarray(values.masked_fill(undefined, float("nan")).float().numpy())
