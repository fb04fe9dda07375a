"""AttParseNet (Thom & Hand, "Improving Facial Attribute Recognition with Attribute Localization Data", section 3.2)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from wsegs.errors import OptionError
from wsegs.nets import NetworkOutput, register
from wsegs.nets.layers.heads import linear_in_float32

# Filters of the convolutions before the last, which has one for each attribute.
_FILTERS = (75, 200, 300, 512, 512)
_CELLS = (6, 5)  # of the features that logits are read from beside the maps


@register("attparsenet")
class AttParseNet(nn.Module):
    """Six valid convolutions that draw a map for each attribute, and one fully connected layer that reads the maps.

    The first convolution is 7x7 with 2x2 max pooling after it, the others are 3x3 (figure 4). Batch normalisation
    follows every convolution, the last included, and ReLU all but the last, as in the authors' published code: the
    maps are linear, as a regression of 0/1 masks by their mean squared error wants them. The published code pools after
    normalisation and ReLU. Pooling before them gives the same output of the same weights, as long as normalisation does
    not turn signs, and only a quarter of the pixels is normalised; the statistics of a training differ.

    With 40 attributes and images of 218x178 the maps are 96x76, and there are 16,290,598 parameters.

    Parameters
    ----------
    attributes
        A, the number of attributes: maps and outputs.
    size
        (H, W) of the images.
    width
        Scales the filters of all convolutions but the last; 1 is the paper's network. 0.25 gives 19, 50, 75, 128
        and 128 filters.
    map_gain
        The weight that the last batch normalisation begins with, so the standard deviation of the maps before
        training. The paper says nothing of it; torch's own 1 makes maps whose squared error is some forty times
        that of empty masks, and bringing it down costs the first thousand steps of Adam.
    pool_last
        Pool after the first layer's normalisation and ReLU, as the published code does; False pools before them.
    read
        What the logits are read from: ``maps``, the paper's, which must be masks and carry all that recognition needs;
        or ``features``, the maps of the convolution before them, averaged to 6x5 cells: maps are then a head beside.

    Attributes
    ----------
    map_size : (int, int)
        (h, w) of the maps.

    Raises
    ------
    OptionError
        If the images are too small for the convolutions, or ``width`` or ``map_gain`` is not between 0 and 100.
    """

    def __init__(
        self,
        attributes: int,
        size: tuple[int, int],
        width: float = 1.0,
        map_gain: float = 0.1,
        pool_last: bool = False,
        read: str = "maps",
    ) -> None:
        super().__init__()
        if not 0 < width < 100:
            raise OptionError(f"network 'attparsenet': expected a width above 0 and below 100, got {width}")
        if not 0 < map_gain < 100:
            raise OptionError(f"network 'attparsenet': expected a map_gain above 0 and below 100, got {map_gain}")
        if read not in ("maps", "features"):
            raise OptionError(f"network 'attparsenet': expected read: maps or features, got {read!r}")
        self.map_size = _map_size(size)
        self._read = read
        filters = [max(1, int(count * width + 0.5)) for count in _FILTERS]
        pool, normalised = nn.MaxPool2d(2), [nn.BatchNorm2d(filters[0]), nn.ReLU()]
        layers: list[nn.Module] = [nn.Conv2d(3, filters[0], 7)]
        layers += [*normalised, pool] if pool_last else [pool, *normalised]
        for incoming, outgoing in pairwise(filters):
            layers += [nn.Conv2d(incoming, outgoing, 3), nn.BatchNorm2d(outgoing), nn.ReLU()]
        last_normalisation = nn.BatchNorm2d(attributes)
        nn.init.constant_(last_normalisation.weight, map_gain)
        layers += [nn.Conv2d(filters[-1], attributes, 3), last_normalisation]
        self.segment = nn.Sequential(*layers)
        cells = self.map_size if read == "maps" else _CELLS
        channels = attributes if read == "maps" else filters[-1]
        self.classify = nn.Linear(channels * cells[0] * cells[1], attributes)

    def forward(self, images: Tensor) -> NetworkOutput:
        """Return logits (B, A) and maps (B, A, h, w) of images (B, 3, H, W)."""
        if self._read == "features":
            features = self.segment[:-2](images)
            read = adaptive_avg_pool2d(features, _CELLS).flatten(1)
            logits = linear_in_float32(self.classify, read)
            return NetworkOutput({"attributes": logits}, self.segment[-2:](features))
        maps = self.segment(images)
        return NetworkOutput({"attributes": linear_in_float32(self.classify, maps.flatten(1))}, maps)


def _map_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the (h, w) that six valid convolutions and a pooling leave of (H, W)."""
    height, width = ((length - 6) // 2 - 2 * len(_FILTERS) for length in size)
    if height < 1 or width < 1:
        raise OptionError(
            f"network 'attparsenet': expected images of at least 28x28 (HxW), got {size[0]}x{size[1]};"
            " nothing would be left for its maps"
        )
    return height, width
