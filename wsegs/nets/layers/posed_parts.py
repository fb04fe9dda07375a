"""Patches of a face's parts, each brought to a standard pose by landmarks."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from wsegs.nets.layers.box_names import POINTS
from wsegs.nets.layers.region_sources import RegionSource

Places = Mapping[str, tuple[float, float]]
"""Where points lie in a standard patch, x and y as shares of its sides, by name."""


class PosedParts(RegionSource):
    """Cuts a patch about each part of a face: a similarity brings the part's points to their standard places.

    It is the least-squares one, as :func:`wsegs.geometry.matrices.similarity` has it. Where points are not known, or
    lie all in one place, those of the mean face of the training are taken.

    Parameters
    ----------
    parts
        Two or more of the five points of each part, and where they lie in its patch: (0, 0) is the upper left corner
        of the upper left pixel, (1, 1) the lower right corner of the lower right one. Places may lie outside.
    size
        (h, w) of the patches.
    mean_points
        (5, 2): the five points of the mean face, x and y in pixels of the images.
    """

    mean_points: Tensor

    def __init__(self, parts: Mapping[str, Places], size: tuple[int, int], mean_points: Tensor) -> None:
        super().__init__()
        self.names = tuple(parts)
        self.size = size
        self.register_buffer("mean_points", mean_points.float(), persistent=False)  # the plan has them
        self._points = [[POINTS.index(name) for name in places] for places in parts.values()]
        sides = torch.tensor([size[1], size[0]], dtype=torch.float32)
        self._places = [torch.tensor(list(places.values())) * sides - 0.5 for places in parts.values()]
        self._reduced = [self._reduction(part) for part in range(len(parts))]

    @torch.no_grad()
    def forward(self, images: Tensor, known: Tensor | None, points: Tensor | None) -> Tensor:
        """Return patches, float (B, R, 3, h, w), of images (B, 3, H, W); see :class:`RegionSource`."""
        assert points is not None
        places = self._places_in_images(points.float())
        images = images.contiguous()
        patches = images.new_empty(images.shape[0], len(self.names), 3, *self.size)
        for factor in sorted(set(self._reduced)):
            chosen = [part for part, own in enumerate(self._reduced) if own == factor]
            reduced = nn.functional.avg_pool2d(images, factor, ceil_mode=True) if factor > 1 else images
            sides = places.new_tensor([reduced.shape[3] * factor, reduced.shape[2] * factor])
            grid = (2 * (places[:, chosen] + 0.5) / sides - 1).flatten(1, 2).to(reduced.dtype)
            read = nn.functional.grid_sample(reduced, grid, padding_mode="border", align_corners=False)
            patches[:, chosen] = read.unflatten(2, (len(chosen), -1)).transpose(1, 2)
        return patches

    def matrices(self, part: int, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the similarities from images to the patch of a part: patch = turn * image + shift, complex numbers.

        Parameters
        ----------
        part
            Its number.
        points
            (B, 5, 2), x and y in pixels of the images.

        Returns
        -------
        ``turn`` and ``shift``, (B, 2), real and imaginary parts; the real part is x. Exporters know no complex numbers.
        """
        places = self._places[part].to(points.device)
        own = points[:, self._points[part]]
        middle = own.mean(dim=1)
        centred, goal = own - middle[:, None], places - places.mean(dim=0)
        squares = centred.square().sum(dim=(1, 2))
        real = (centred * goal).sum(dim=(1, 2)) / squares
        imaginary = (centred[..., 0] * goal[:, 1] - centred[..., 1] * goal[:, 0]).sum(dim=1) / squares
        turn = torch.stack([real, imaginary], dim=1)
        return turn, places.mean(dim=0) - _product(turn, middle)

    def _places_in_images(self, points: Tensor) -> Tensor:
        """Return where in each image each pixel of each patch lies, (B, R, h, w, 2), x and y in pixels."""
        back = torch.stack([self._back(part, points) for part in range(len(self.names))], dim=1)  # (B, R, 3, 2)
        rows, columns = (torch.arange(side, dtype=torch.float32, device=points.device) for side in self.size)
        down, across = torch.meshgrid(rows, columns, indexing="ij")
        pixels = torch.stack([across, down, torch.ones_like(down)], dim=-1).flatten(0, 1)
        places: Tensor = (pixels @ back).unflatten(2, self.size)
        return places

    def _back(self, part: int, points: Tensor) -> Tensor:
        """Return the matrices from the patch of a part to images, (B, 3, 2): x, y, 1 are multiplied by them."""
        turn, shift = self.matrices(part, points)
        usual = self.matrices(part, self.mean_points[None])
        size = turn.square().sum(dim=1, keepdim=True)
        found = size.isfinite() & (size > 0)
        turn, shift = torch.where(found, turn, usual[0]), torch.where(found, shift, usual[1])
        upright = turn.new_tensor([1.0, -1.0])
        inverse = turn * upright / turn.square().sum(dim=1, keepdim=True)
        return torch.stack([inverse, inverse.flip(1) * -upright, -_product(shift, inverse)], dim=1)

    def _reduction(self, part: int) -> int:
        """Return the power of two by which images are averaged before a part is read from them: it would alias else.

        It is that of the mean face, so that it is the same for all faces.
        """
        turn, _ = self.matrices(part, self.mean_points[None])
        return int(2 ** max(0, math.floor(-math.log2(float(turn.norm())))))


def _product(one: Tensor, other: Tensor) -> Tensor:
    """Return the products (B, 2) of complex numbers (B, 2)."""
    real = one[:, 0] * other[:, 0] - one[:, 1] * other[:, 1]
    imaginary = one[:, 0] * other[:, 1] + one[:, 1] * other[:, 0]
    return torch.stack([real, imaginary], dim=1)
