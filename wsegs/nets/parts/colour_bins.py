"""Colours as maps of bins: their mean over a region is the region's histogram."""

from __future__ import annotations

import torch
from skimage.color import rgb2hsv
from torch import Tensor

SPACES = ("rgb", "hsv")
"""Colour spaces whose channels have a histogram each."""


def colour_bins(images: Tensor, spaces: tuple[str, ...], bins: int) -> Tensor:
    """Return which bin of each channel each pixel falls into.

    Parameters
    ----------
    images
        float (B, 3, H, W) between 0 and 1, RGB, on the CPU.
    spaces
        Of ``rgb`` and ``hsv``.
    bins
        Of each channel, of equal width.

    Returns
    -------
    float32 (B, 3 * len(spaces) * bins, H, W): 1 in one bin of each channel, else 0.
    """
    found = []
    for space in spaces:
        values = images
        if space == "hsv":
            hsv = rgb2hsv(images.permute(0, 2, 3, 1).numpy(), channel_axis=-1)
            values = torch.from_numpy(hsv).permute(0, 3, 1, 2)
        places = (values * bins).long().clamp(0, bins - 1)
        one_hot = torch.zeros(len(images), 3, bins, *images.shape[2:])
        found.append(one_hot.scatter_(2, places[:, :, None], 1.0).flatten(1, 2))
    return torch.cat(found, dim=1)
