from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wsegs.nets.layers.region_grids import covered, pool_grids, region_boxes
from wsegs.nets.layers.region_pooling import average_regions, pool_regions


def test_boxes_are_the_outermost_pixels() -> None:
    regions = torch.zeros(1, 2, 4, 5)
    regions[0, 0, 1, 3] = regions[0, 0, 2, 1] = 0.5
    rows, columns = region_boxes(regions)
    assert rows.tolist() == [[[1, 3], [0, 0]]]
    assert columns.tolist() == [[[1, 4], [0, 0]]]


def test_a_grid_by_hand() -> None:
    maps = torch.arange(16.0).reshape(1, 1, 4, 4)
    regions = torch.zeros(1, 2, 8, 8)
    regions[0, 0, 0:4, 4:8] = 1  # the upper right quarter: 2, 3, 6, 7
    pooled = pool_grids(maps, regions, 2, (8, 8))
    assert pooled.shape == (1, 3, 4)
    assert pooled[0].tolist() == [[2, 3, 6, 7], [0, 0, 0, 0], [2.5, 4.5, 10.5, 12.5]]


@given(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.integers(0, 99))
def test_one_cell_over_a_filled_box_is_its_mean(channels, height, width, seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(1, channels, height, width, generator=generator)
    top, left = (int(torch.randint(side, (), generator=generator)) for side in (height, width))
    regions = torch.zeros(1, 1, height, width)
    regions[..., top:, left:] = 1
    torch.testing.assert_close(pool_grids(maps, regions, 1, (height, width)), pool_regions(maps, regions))


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 3), st.integers(0, 2), st.integers(0, 99))
def test_halves_are_averages(height, width, doublings, more, seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    shape = ((height << doublings) + more, width << doublings)
    regions = (torch.rand(2, 3, *shape, generator=generator) > 0.5).float()
    expected = torch.nn.functional.adaptive_avg_pool2d(regions, (height, width))
    averaged = average_regions(regions, (height, width))
    torch.testing.assert_close(averaged, expected)
    if not more:  # halves of ones and zeros are exact
        assert torch.equal(averaged, expected)


def test_all_images_at_once_are_what_each_is_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(3, 4, 7, 6, generator=generator)
    regions = (torch.rand(3, 5, 13, 12, generator=generator) > 0.9).float()
    together = pool_grids(maps, regions, 3, (13, 12))
    alone = torch.cat([pool_grids(maps[i : i + 1], regions[i : i + 1], 3, (13, 12)) for i in range(3)])
    torch.testing.assert_close(together, alone)


def test_what_lies_behind_the_maps_is_not_read() -> None:
    """Cells that cover 8 of 10 pixels: a box of the last two pixels is read nowhere, and gives zeros."""
    regions = torch.zeros(1, 1, 10, 10)
    regions[..., 8:, 8:] = 1
    assert pool_grids(torch.ones(1, 1, 4, 4), regions, 1, (8.0, 8.0))[0, 0].item() == 0


def test_an_interval_covers_parts_of_cells() -> None:
    shares = covered(torch.tensor([1.5]), 2.0, 4, 2)  # pixels 1 and 2 of four in two cells
    assert shares.tolist() == [pytest.approx([0.5, 0.5])]
