"""Convolutions whose filters are shared within the cells of a grid (Liu, Luo, Wang & Tang, equation 4)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wsegs.errors import OptionError


class LocallySharedConvolution(nn.Module):
    """A convolution without padding, whose output pixel (y, x) has the filters of its cell (y // s, x // s).

    Parameters
    ----------
    incoming, outgoing
        Channels.
    kernel
        Side of the filters.
    cell
        s, the side of a cell in pixels of the output. 1 shares nothing.
    size
        (H, W) of the input.

    Attributes
    ----------
    output_size : (int, int)
        (H - kernel + 1, W - kernel + 1).
    grid : (int, int)
        Rows and columns of cells.
    weight
        (rows, columns, outgoing, incoming, kernel, kernel).
    bias
        (rows, columns, outgoing).

    Raises
    ------
    OptionError
        If the cells do not divide the output.
    """

    def __init__(self, incoming: int, outgoing: int, kernel: int, cell: int, size: tuple[int, int]) -> None:
        super().__init__()
        height, width = size[0] - kernel + 1, size[1] - kernel + 1
        if cell < 1 or height < cell or width < cell or height % cell or width % cell:
            raise OptionError(
                f"locally shared filters: expected cells whose side divides an output of {height}x{width} (HxW),"
                f" got {cell}"
            )
        self.kernel, self.cell = kernel, cell
        self.output_size = (height, width)
        self.grid = (height // cell, width // cell)
        self.weight = nn.Parameter(torch.empty(*self.grid, outgoing, incoming, kernel, kernel))
        self.bias = nn.Parameter(torch.empty(*self.grid, outgoing))
        bound = 1 / math.sqrt(incoming * kernel**2)  # as torch begins its own convolutions
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (B, outgoing, H', W') of maps (B, incoming, H, W)."""
        if torch.compiler.is_compiling():  # exporters would fix the number of images
            return self._cell_by_cell(maps)
        (rows, columns), cell = self.grid, self.cell
        patches = F.unfold(maps, self.kernel).view(len(maps), -1, rows, cell, columns, cell)
        weight = self.weight.flatten(3).to(patches.dtype)
        found = torch.einsum("bkpyqx,pqok->bopyqx", patches, weight)
        found = found + self.bias.permute(2, 0, 1)[None, :, :, None, :, None].to(patches.dtype)
        return found.reshape(len(maps), -1, *self.output_size)

    def _cell_by_cell(self, maps: Tensor) -> Tensor:
        (rows, columns), cell = self.grid, self.cell
        seen = cell + self.kernel - 1
        found = [
            torch.cat(
                [
                    self.everywhere(maps[:, :, y * cell : y * cell + seen, x * cell : x * cell + seen], y, x)
                    for x in range(columns)
                ],
                dim=3,
            )
            for y in range(rows)
        ]
        return torch.cat(found, dim=2)

    def everywhere(self, maps: Tensor, row: int, column: int) -> Tensor:
        """Return the filters of one cell applied to whole maps (B, incoming, h, w) of any size."""
        return F.conv2d(maps, self.weight[row, column], self.bias[row, column])
