"""Maps read in a grid of cells over each region's bounding box: where in a region something is stays known."""

from __future__ import annotations

import torch
from torch import Tensor


def covered(centre: Tensor, length: Tensor | float, pixels: float, cells: int) -> Tensor:
    """Return how much of each of ``cells`` an interval covers, (..., cells) between 0 and 1.

    Parameters
    ----------
    centre, length
        (...) of the intervals, in pixels whose centres are whole numbers.
    pixels
        Over which the cells are spread evenly.
    cells
        How many there are.
    """
    step = pixels / cells
    low = (centre + 0.5 - length / 2) / step
    high = (centre + 0.5 + length / 2) / step
    edges = torch.arange(cells, device=centre.device, dtype=torch.float32)
    overlap = torch.minimum(high[..., None], edges + 1) - torch.maximum(low[..., None], edges)
    return overlap.clamp(min=0)


def region_boxes(regions: Tensor) -> tuple[Tensor, Tensor]:
    """Return the bounding boxes of regions, rows and columns, (B, R, 2) each: the first, and that behind the last.

    Parameters
    ----------
    regions
        (B, R, h, w), 0 outside of a region. One that is nowhere has a box of no length at 0.
    """
    inside = regions > 0
    return _bounds(inside.any(dim=3)), _bounds(inside.any(dim=2))


def _bounds(inside: Tensor) -> Tensor:
    """Return the first place that is true, and that behind the last, (B, R, 2) float, of bool (B, R, n)."""
    count = inside.shape[2]
    first = inside.float().argmax(dim=2)
    last = count - inside.flip(2).float().argmax(dim=2)
    there = inside.any(dim=2)
    return torch.stack([torch.where(there, first, 0), torch.where(there, last, 0)], dim=2).float()


def pool_grids(maps: Tensor, regions: Tensor, grid: int, size: tuple[float, float]) -> Tensor:
    """Return the mean of maps in each cell of a grid over each region's bounding box and, last, over the whole map.

    All regions of all images at once: a cell is an interval of rows and one of columns, so its mean is two products
    of matrices.

    Parameters
    ----------
    maps
        (B, C, h, w).
    regions
        (B, R, H, W); see :func:`region_boxes`.
    grid
        Cells along each side of a box.
    size
        (height, width) of what the maps cover, in pixels of the regions.

    Returns
    -------
    (B, R + 1, C * grid * grid), zeros of a region that is not in the image.
    """
    count, _, height, width = maps.shape
    whole = torch.tensor([size[0], size[1]], device=maps.device)
    rows, columns = (
        torch.cat([bounds, torch.stack([whole.new_zeros(()), whole[side]]).expand(count, 1, 2)], dim=1)
        for side, bounds in enumerate(region_boxes(regions))
    )
    down = _grid_weights(rows, grid, size[0], height)  # (B, R + 1, grid, h)
    across = _grid_weights(columns, grid, size[1], width)
    by_row = torch.einsum("brih,bchw->bricw", down, maps)
    return torch.einsum("bricw,brjw->brcij", by_row, across).flatten(2)


def _grid_weights(bounds: Tensor, grid: int, pixels: float, cells: int) -> Tensor:
    """Return what each cell of a map weighs in each interval of a grid, (B, R, grid, cells), of sum 1."""
    length = (bounds[..., 1:] - bounds[..., :1]) / grid
    steps = torch.arange(grid, device=bounds.device, dtype=torch.float32)
    centres = bounds[..., :1] + (steps + 0.5) * length - 0.5
    shares = covered(centres, length, pixels, cells)
    return shares / shares.sum(dim=-1, keepdim=True).clamp(min=1e-6)
