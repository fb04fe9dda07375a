"""The interweaved operation (Liu, Luo, Wang & Tang, section 3.2, figure 5, equation 5).

ANet reads a face whose position in the image is not known well: it should look at every patch, and take that to which
its fourth convolution responds most. Its third and fourth convolution have other filters in each cell, so that a plain
convolution of the whole image cannot do it. Each cell's filters of the third convolution are applied to the whole
image; for each output of the fourth, the responses that it reads in a patch are laid side by side, patch beside patch,
in an interweaved map, over which its filter steps from patch to patch. That is exact: no convolution of ANet is
padded, patches are four pixels apart (the shared convolutions pool twice), and the pooling between the third and the
fourth is taken at each pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from wsegs.errors import DataError

if TYPE_CHECKING:
    from wsegs.nets.anet import ANet

PATCH_STRIDE = 4
"""Pixels between two patches that the shared convolutions can tell apart: they pool twice."""
VIEWS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))
"""Views of a face: a patch, then those above, below, to the left and to the right of it, in steps of four pixels."""


class BestPatch(NamedTuple):
    """The patch of each image to which ANet responds most: int64 (B,), in steps of four pixels."""

    row: Tensor
    column: Tensor


def patch_responses(network: ANet, images: Tensor) -> Tensor:
    """Return what the fourth convolution says of each patch of images, (B, rows, columns, C4, h, w).

    Parameters
    ----------
    network
        Whose images are patches of (H, W).
    images
        (B, 3, at least H, at least W), between -1 and 1. Patch (a, b) begins at pixel (4a, 4b).

    Raises
    ------
    DataError
        If the images are smaller than a patch.
    """
    maps = network.shared_layers(images)
    height, width = network.shared_size
    rows, columns = maps.shape[2] - height + 1, maps.shape[3] - width + 1
    if rows < 1 or columns < 1:
        raise DataError(f"images of {images.shape[2]}x{images.shape[3]} (HxW) are smaller than a patch of ANet")
    third, fourth = network.third, network.fourth
    (grid_rows, grid_columns), (out_height, out_width) = third.grid, fourth.output_size
    pooled = [
        [F.max_pool2d(third.everywhere(maps, p, q).relu(), 2, stride=1) for q in range(grid_columns)]
        for p in range(grid_rows)
    ]
    kernel, pooling = fourth.kernel, 2
    found = []
    for u in range(out_height):
        for v in range(out_width):
            interweaved = maps.new_empty(maps.shape[0], fourth.weight.shape[3], kernel * rows, kernel * columns)
            for i in range(kernel):
                for j in range(kernel):
                    top, left = pooling * (u + i), pooling * (v + j)  # in the patch's maps of the third convolution
                    cell = pooled[top // third.cell][left // third.cell]
                    interweaved[:, :, i::kernel, j::kernel] = cell[:, :, top : top + rows, left : left + columns]
            filters, bias = (values[u // fourth.cell, v // fourth.cell] for values in (fourth.weight, fourth.bias))
            # With a step of a whole kernel it never mixes two patches; those outputs are the paper's redundant parts.
            found.append(F.conv2d(interweaved, filters, bias, stride=kernel).relu())
    stacked = torch.stack(found, dim=-1).unflatten(-1, (out_height, out_width))
    responses: Tensor = stacked.permute(0, 2, 3, 1, 4, 5)
    return responses


def best_patch(responses: Tensor) -> BestPatch:
    """Choose the patch with the largest response (equation 5).

    The response of a patch is the largest over positions of the mean over channels. One response may lie in several
    patches: of equal ones, the patch whose responses sum to more is taken, then the first row by row.

    Parameters
    ----------
    responses
        (B, rows, columns, C4, h, w), as of :func:`patch_responses`.
    """
    columns = responses.shape[2]
    mean = responses.mean(dim=3).flatten(3)
    largest, total = mean.amax(dim=3).flatten(1), mean.sum(dim=3).flatten(1)
    among = total.masked_fill(largest < largest.amax(dim=1, keepdim=True), -torch.inf)
    best = among.argmax(dim=1)
    return BestPatch(best // columns, best % columns)


def views_about(responses: Tensor, patch: BestPatch, views: int) -> list[Tensor]:
    """Return the responses of a patch of each image and of its neighbours, as many as ``views``, (B, C4, h, w) each.

    At the border of an image a neighbour that is not there is the patch itself.

    Parameters
    ----------
    responses
        (B, rows, columns, C4, h, w), as of :func:`patch_responses`.
    """
    rows, columns = responses.shape[1:3]
    first = torch.arange(responses.shape[0], device=responses.device)
    return [
        responses[first, (patch.row + down).clamp(0, rows - 1), (patch.column + across).clamp(0, columns - 1)]
        for down, across in VIEWS[:views]
    ]


def patch_responses_densely(network: ANet, images: Tensor) -> Tensor:
    """Return what :func:`patch_responses` does, patch by patch: the plain definition."""
    height, width = images.shape[2:]
    rows = []
    size = network.patch
    for top in range(0, height - size[0] + 1, PATCH_STRIDE):
        row = [
            network.layers(images[:, :, top : top + size[0], left : left + size[1]])["fourth"]
            for left in range(0, width - size[1] + 1, PATCH_STRIDE)
        ]
        rows.append(torch.stack(row, dim=1))
    return torch.stack(rows, dim=1)
