"""Colours of base regions: stable by index, apart from each other for every kind of colour vision."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

COUNT = 64  # a mask store has at most 64 base regions

# The seven chromatic colours of Okabe and Ito (Color Universal Design, 2008); black would vanish in hair.
_OKABE_ITO = [
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
]

# What red-blind and green-blind people see, in linear RGB (Machado et al. 2009, severity 1).
_VISIONS = (
    np.eye(3),
    np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
)


def _seen(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return CIELAB coordinates (N, V, 3) of sRGB colours (N, 3), once for each kind of vision."""
    encoded = colours / 255.0
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = np.stack([np.clip(linear @ vision.T, 0, 1) for vision in _VISIONS], axis=1)
    return np.asarray(cv2.cvtColor(seen.astype(np.float32), cv2.COLOR_LRGB2LAB), np.float32)


@lru_cache(maxsize=1)
def _palette() -> NDArray[np.uint8]:
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    candidates = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    seen = _seen(candidates)
    # Neither so dark that it looks like shadow nor so light that it looks like a highlight.
    visible = (seen[:, 0, 0] > 35) & (seen[:, 0, 0] < 93)
    candidates, seen = candidates[visible], seen[visible]

    chosen = [np.array(colour, np.uint8) for colour in _OKABE_ITO]
    taken = _seen(np.array(chosen))
    apart = np.linalg.norm(seen[:, None] - taken[None], axis=-1).min(axis=(1, 2))
    while len(chosen) < COUNT:
        # The candidate whose nearest taken colour is farthest, under the kind of vision where it is nearest.
        best = int(apart.argmax())
        chosen.append(candidates[best])
        apart = np.minimum(apart, np.linalg.norm(seen - seen[best], axis=-1).min(axis=1))
    return np.array(chosen, np.uint8)


def region_colours(count: int) -> NDArray[np.uint8]:
    """Return the colours of the first ``count`` base regions, (count, 3) uint8 RGB.

    The colour of a region depends on its index alone, never on how many regions there are. Beyond 64 they repeat.
    """
    return _palette()[np.arange(count) % COUNT]
