"""Sources of the regions that a network reads beside an image: a parser, known class maps, or boxes.

All are modules with one method, so a network does not know which of them it is fed by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from wsegs.nets import IGNORE_INDEX
from wsegs.nets.layers.blocks import pooled_size
from wsegs.nets.layers.box_names import POINTS, box_names
from wsegs.nets.layers.region_grids import covered


class RegionSource(nn.Module):
    """Draws the regions of a batch.

    Attributes
    ----------
    names
        Of the R regions.
    size
        (h, w) of what is drawn.
    reads
        What of a mini-batch it takes beside images and points.
    """

    names: tuple[str, ...]
    size: tuple[int, int]
    reads: Literal["classes", "regions"] = "classes"

    def forward(self, images: Tensor, known: Tensor | None, points: Tensor | None) -> Tensor:
        """Return regions, float (B, R, h, w) between 0 and 1; of parts, patches (B, R, 3, h, w).

        Parameters
        ----------
        images
            (B, 3, H, W) float between -1 and 1.
        known
            What :attr:`reads` says: class maps, uint8 (B, h', w'), or region integers, int (B, h, w). None where
            nothing is known.
        points
            (B, 5, 2) float: where eyes, nose and corners of the mouth are, x and y in pixels of the images; nan
            where no face was found. None where they are not read.
        """
        raise NotImplementedError


class ParsedRegions(RegionSource):
    """Softmax of a frozen parser's class scores, or its most probable class.

    Parameters
    ----------
    parser
        A network with ``parse``.
    parser_size
        (H, W) of the images that it was trained on; others are resized.
    names
        Of its classes.
    size
        (h, w) of the regions: the parser's own scale of that size, or the next finer one, averaged.
    hard
        A pixel belongs to its most probable class alone, as where class maps are known. A parser that is unsure gives
        small regions a faint share of every pixel, which in the mean over a region is no longer faint.
    """

    def __init__(
        self,
        parser: nn.Module,
        parser_size: tuple[int, int],
        names: Sequence[str],
        size: tuple[int, int],
        *,
        hard: bool = False,
    ) -> None:
        super().__init__()
        self.parser = parser.requires_grad_(False).eval()
        self.parser_size = parser_size
        self.names = tuple(names)
        self.size = size
        self.hard = hard
        scales = [pooled_size(parser_size, times) for times in range(4)]
        self._skip = max(sum(h >= size[0] and w >= size[1] for h, w in scales) - 1, 0)

    def train(self, mode: bool = True) -> ParsedRegions:
        """Keep the parser as it is: its batch normalisation must not follow another data set."""
        super().train(mode)
        self.parser.eval()
        return self

    @torch.no_grad()
    def forward(self, images: Tensor, known: Tensor | None, points: Tensor | None) -> Tensor:
        """Return the parser's probabilities; see :class:`RegionSource`."""
        if images.shape[2:] != self.parser_size:
            images = nn.functional.interpolate(
                images, self.parser_size, mode="bilinear", antialias=True, align_corners=False
            )
        finest = self.parser.parse(images, self._skip)[0]  # type: ignore[operator]
        probabilities: Tensor = finest.float().softmax(dim=1)
        if self.hard:
            probabilities = torch.zeros_like(probabilities).scatter_(1, probabilities.argmax(dim=1, keepdim=True), 1.0)
        if probabilities.shape[2:] == self.size:
            return probabilities
        return nn.functional.adaptive_avg_pool2d(probabilities, self.size)


class NamedRegions(RegionSource):
    """Some of a parser's classes, in another order.

    Parameters
    ----------
    parsed
        The parser.
    names
        Of the regions.
    places
        Which class each of them is.
    """

    def __init__(self, parsed: ParsedRegions, names: Sequence[str], places: Sequence[int]) -> None:
        super().__init__()
        self.parsed = parsed
        self.names = tuple(names)
        self.size = parsed.size
        self._places = list(places)

    def forward(self, images: Tensor, known: Tensor | None, points: Tensor | None) -> Tensor:
        """Return one channel a region; see :class:`RegionSource`."""
        drawn: Tensor = self.parsed(images, known, points)
        return drawn[:, self._places]


class KnownRegions(RegionSource):
    """Class maps that are known, one region a class: a pixel of unknown class is in none.

    Parameters
    ----------
    names
        Of the classes.
    size
        (h, w) of the class maps.
    """

    def __init__(self, names: Sequence[str], size: tuple[int, int]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.size = size

    def forward(self, images: Tensor, known: Tensor | None, points: Tensor | None) -> Tensor:
        """Return one channel a class; see :class:`RegionSource`."""
        assert known is not None
        numbers = torch.arange(len(self.names), device=known.device, dtype=torch.int16)
        assert len(self.names) <= IGNORE_INDEX
        return (known[:, None].to(torch.int16) == numbers[:, None, None]).to(images.dtype)


class DrawnRegions(RegionSource):
    """Base regions that rules drew, which may overlap. An image without any has those of the mean face.

    Parameters
    ----------
    names
        Of the regions, bit 0 first.
    size
        (h, w) of the region integers.
    mean_face
        (h, w) region integers of the mean face; zeros where there is none.
    """

    reads = "regions"
    mean_face: Tensor

    def __init__(self, names: Sequence[str], size: tuple[int, int], mean_face: Tensor) -> None:
        super().__init__()
        self.names = tuple(names)
        self.size = size
        self.register_buffer("mean_face", mean_face)

    def forward(self, images: Tensor, known: Tensor | None, points: Tensor | None) -> Tensor:
        """Return one channel a region; see :class:`RegionSource`."""
        assert known is not None
        empty = (known == 0).flatten(1).all(dim=1)
        drawn = torch.where(empty[:, None, None], self.mean_face.to(known.dtype), known)
        bits = 1 << torch.arange(len(self.names), dtype=known.dtype, device=known.device)
        return ((drawn[:, None] & bits[:, None, None]) != 0).to(images.dtype)


class LandmarkBoxes(RegionSource):
    """Boxes about the five points, and the whole image (Kalayeh, Gong & Shah, section 4.3.1's BBox).

    A box's part of a pixel is its value there, so that boxes keep their area at any resolution. An image without a
    face has only the whole.

    Parameters
    ----------
    image_size
        (H, W) of the images.
    size
        (h, w) of the regions.
    area
        Of a box as a share of the image's.
    aspects
        Width by height of the boxes about each point.
    """

    def __init__(
        self, image_size: tuple[int, int], size: tuple[int, int], area: float, aspects: Sequence[float]
    ) -> None:
        super().__init__()
        self.image_size = image_size
        self.size = size
        pixels = area * image_size[0] * image_size[1]
        self.box_sizes = [((pixels * aspect) ** 0.5, (pixels / aspect) ** 0.5) for aspect in aspects]  # width, height
        self.names = box_names(aspects)

    def forward(self, images: Tensor, known: Tensor | None, points: Tensor | None) -> Tensor:
        """Return a channel a box; see :class:`RegionSource`."""
        assert points is not None
        channels = []
        for point in range(len(POINTS)):
            x, y = points[:, point, 0].float(), points[:, point, 1].float()
            for width, height in self.box_sizes:
                across = covered(x, width, self.image_size[1], self.size[1])
                down = covered(y, height, self.image_size[0], self.size[0])
                channels.append(down[:, :, None] * across[:, None, :])
        boxes = torch.stack(channels, dim=1).nan_to_num(0.0)
        whole = torch.ones_like(boxes[:, :1])
        return torch.cat([boxes, whole], dim=1).to(images.dtype)
