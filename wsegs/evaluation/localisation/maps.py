"""Response maps of an image, as large as the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsegs.evaluation.localisation.networks import Locator
from wsegs.evaluation.localise import heat_of, locate, response_map, window_part


def maps_of(locator: Locator, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Return the response map of each network, (H, W) of the image; the fine one's is 0 outside of the window."""
    networks = locator.networks()
    size = image.shape[:2]
    rho = response_map(networks[0], image, locator.sides[0])
    maps = [heat_of(networks[0], rho, size, locator.sides[0])]
    if len(networks) == 2:
        whole = np.zeros(size, np.float32)
        for window in locate(networks[0], image, longest_side=locator.sides[0], threshold=locator.thresholds[0]):
            part, (left, top) = window_part(image, window.box)
            rho = response_map(networks[1], part, locator.sides[1])
            heat = heat_of(networks[1], rho, part.shape[:2], locator.sides[1])
            whole[top : top + part.shape[0], left : left + part.shape[1]] = heat
        maps.append(whole)
    return maps
