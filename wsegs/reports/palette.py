"""Colours of base regions: stable by index, and distinct for colour-blind people too."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

COUNT = 64  # a mask store has at most 64 base regions

# The seven chromatic colours of Okabe and Ito (Color Universal Design, 2008); black would vanish in hair. Then three
# by eye, since most rule files have about ten regions; the rest is computed.
_FIRST = [
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
    (105, 20, 255),
    (140, 255, 130),
    (140, 0, 50),
]

# Skin from light to dark; treated as taken, since such colours are hard to see on a face.
_SKIN = [(255, 224, 196), (228, 190, 160), (198, 134, 100), (150, 100, 70), (95, 65, 50)]

# Vision of red-blind and green-blind people, in linear RGB (Machado et al. 2009, severity 1).
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


def _distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the distance between seen colours (..., V, 3) under the kind of vision where they are nearest.

    Full colour vision counts half: most readers have it, and without this the colour-blind would be given blues alone.
    """
    weights = np.array([0.5, 1, 1], np.float32)
    nearest: NDArray[np.float32] = (np.linalg.norm(one - other, axis=-1) * weights).min(axis=-1)
    return nearest


@lru_cache(maxsize=1)
def _palette() -> NDArray[np.uint8]:
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    candidates: NDArray[np.uint8] = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    seen = _seen(candidates)
    # Not so dark as a shadow nor so light as a highlight.
    visible = (seen[:, 0, 0] > 35) & (seen[:, 0, 0] < 93)
    candidates, seen = candidates[visible], seen[visible]

    chosen = [np.array(colour, np.uint8) for colour in _FIRST]
    taken = _seen(np.array(_FIRST + _SKIN, np.uint8))
    apart = _distance(seen[:, None], taken[None]).min(axis=1)
    while len(chosen) < COUNT:
        best = int(apart.argmax())  # farthest from its nearest taken colour
        chosen.append(candidates[best])
        apart = np.minimum(apart, _distance(seen, seen[best]))
    return np.array(chosen, np.uint8)


def region_colours(count: int) -> NDArray[np.uint8]:
    """Return the colours of the first ``count`` base regions, (count, 3) uint8 RGB.

    The colour of a region depends on its index alone, never on how many regions there are. Beyond 64 they repeat.
    """
    return _palette()[np.arange(count) % COUNT]
