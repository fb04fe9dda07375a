from __future__ import annotations

import torch

from wsegs.nets.layers.region_pooling import pool_regions
from wsegs.nets.parts.colour_bins import colour_bins


def test_each_pixel_is_in_one_bin_of_each_channel() -> None:
    images = torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    maps = colour_bins(images, ("rgb", "hsv"), 8)
    assert maps.shape == (2, 48, 5, 4)
    assert set(maps.unique().tolist()) == {0.0, 1.0}
    assert (maps.unflatten(1, (6, 8)).sum(dim=2) == 1).all()


def test_bins_by_hand() -> None:
    red, white, black = (1.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)
    images = torch.tensor([red, white, black]).T.reshape(1, 3, 1, 3)
    rgb = colour_bins(images, ("rgb",), 2)[0, :, 0].T.tolist()  # dark, bright of red, of green, of blue
    assert rgb == [[0, 1, 1, 0, 1, 0], [0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0]]
    hsv = colour_bins(images, ("hsv",), 2)[0, :, 0].T.tolist()
    assert hsv == [[1, 0, 0, 1, 0, 1], [1, 0, 1, 0, 0, 1], [1, 0, 1, 0, 1, 0]]


def test_the_mean_over_a_region_is_its_histogram() -> None:
    """A region of one red and three black pixels is a quarter bright in red, and nowhere in green."""
    images = torch.zeros(1, 3, 2, 3)
    images[0, 0, 0, 0] = 1
    region = torch.zeros(1, 1, 2, 3)
    region[..., :2] = 1
    pooled = pool_regions(colour_bins(images, ("rgb",), 2), region)
    assert pooled[0, 0].tolist() == [0.75, 0.25, 1.0, 0.0, 1.0, 0.0]
