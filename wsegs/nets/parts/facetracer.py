"""FaceTracer: gradients and colours of each region, and a linear classifier an attribute. Nothing is learnt but that.

Kumar, Belhumeur & Nayar's system as Liu, Luo, Wang & Tang compare with it: histograms of oriented gradients and of
colours in functional regions of the face, a support vector machine for each attribute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from wsegs.errors import OptionError
from wsegs.io.extras import needs_extras
from wsegs.nets import register
from wsegs.nets.layers.feature_layout import FeatureLayout
from wsegs.nets.layers.linear_on_regions import LinearOnRegions
from wsegs.nets.layers.region_grids import pool_grids
from wsegs.nets.layers.region_pooling import pool_regions

with needs_extras("network 'facetracer'"):
    from wsegs.nets.parts.colour_bins import SPACES, colour_bins
    from wsegs.nets.parts.hog import hog_maps

_SHRINK = 2  # regions and colours are read at half of the image's size


@register("facetracer")
class FaceTracer(LinearOnRegions):
    """Gradients in a grid over each region's bounding box, histograms of the colours inside of it.

    Where in an eye an edge lies tells open from narrow, so gradients keep their place: each cell of the grid has a
    histogram of orientations. Colours are those of the region's own pixels: a bounding box of the hair is half face.

    Parameters
    ----------
    heads
        Outputs of each task.
    size
        (H, W) of the images.
    regions
        Names of the R regions.
    cell
        Side of a cell of the histogram of oriented gradients, pixels.
    orientations
        Its bins.
    grid
        Cells along each side of a region's box.
    spaces
        Colour spaces: ``rgb``, ``hsv``; none leaves colours out.
    bins
        Of each of their channels.
    clip
        Features are clipped at so many standard deviations.
    """

    map_size = None
    reads_on_cpu = True
    """Its features are computed by the processor, wherever the network is."""

    def __init__(
        self,
        heads: Mapping[str, int],
        size: tuple[int, int],
        regions: Sequence[str],
        cell: int = 8,
        orientations: int = 9,
        grid: int = 3,
        spaces: Sequence[str] = SPACES,
        bins: int = 8,
        clip: float = 8.0,
    ) -> None:
        _check_options(size, cell, orientations, grid, spaces, bins)
        blocks = [(_SHRINK, 3 * len(spaces) * bins)] if spaces else []
        layout = FeatureLayout(tuple(regions), (*blocks, (cell, orientations * grid**2)))
        super().__init__(heads, layout, clip)
        self.size = size
        self.region_size = (-(-size[0] // _SHRINK), -(-size[1] // _SHRINK))
        self.cell, self.orientations, self.grid = cell, orientations, grid
        self.spaces, self.bins = tuple(spaces), bins

    @torch.no_grad()
    def read(self, images: Tensor, regions: Tensor) -> dict[int, Tensor]:
        """Return histograms of colours (B, R + 1, C), of orientations in each grid; the last row is the whole image."""
        device = images.device
        pixels = (images.float().cpu() + 1) / 2
        regions = regions.float().cpu()
        found = {}
        with torch.autocast("cpu", enabled=False):
            if self.spaces:
                small = nn.functional.adaptive_avg_pool2d(pixels, self.region_size)
                bins = colour_bins(small, self.spaces, self.bins)
                found[_SHRINK] = pool_regions(bins, regions)
            whole = (pixels.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy()
            maps = torch.from_numpy(hog_maps(np.ascontiguousarray(whole), self.cell, self.orientations))
            found[self.cell] = pool_grids(maps, regions, self.grid, self._covered(maps))
        return {stride: block.to(device) for stride, block in found.items()}

    def _covered(self, maps: Tensor) -> tuple[float, float]:
        """Return (height, width) of what the cells cover, in pixels of the regions."""
        height, width = (
            cells * self.cell * regions / pixels
            for cells, regions, pixels in zip(maps.shape[2:], self.region_size, self.size, strict=True)
        )
        return height, width


def _check_options(
    size: tuple[int, int], cell: int, orientations: int, grid: int, spaces: Sequence[str], bins: int
) -> None:
    numbers = {"cell": (cell, 3), "orientations": (orientations, 1), "grid": (grid, 1), "bins": (bins, 2)}
    for name, (value, least) in numbers.items():
        if not isinstance(value, int) or value < least:
            raise OptionError(f"network 'facetracer': {name}: expected a whole number from {least} on, got {value!r}")
    for space in spaces:
        if space not in SPACES:
            raise OptionError(f"network 'facetracer': spaces: expected some of {', '.join(SPACES)}, got {space!r}")
    if min(size) < 2 * cell:
        raise OptionError(
            f"network 'facetracer': expected images of at least {2 * cell}x{2 * cell} (HxW), got {size[0]}x{size[1]};"
            " gradients are normalised over 2x2 cells"
        )
