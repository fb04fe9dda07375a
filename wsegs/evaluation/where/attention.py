"""Maps of where a network looks for each attribute: its own maps, its shares by region, or its class activation."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wsegs.errors import OptionError
from wsegs.evaluation.predictor import Predictor
from wsegs.evaluation.runs import Run
from wsegs.io.extras import needs_extras
from wsegs.nets.anet import ANet
from wsegs.nets.images import normalise
from wsegs.nets.layers.linear_on_regions import LinearOnRegions

_FEW = 4  # images by which a layer is chosen

Method = Literal["maps", "region shares", "class activation"]


class Attention(Protocol):
    """Says where a network looks.

    Attributes
    ----------
    method
        How that is known.
    size
        (h, w) of what it returns.
    """

    method: Method
    size: tuple[int, int]

    def read(self, images: Tensor, points: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return logits (B, A), and how much the network looks at each pixel, float (B, A, h, w), 0 or more.

        Parameters
        ----------
        images, points, known
            See :class:`wsegs.evaluation.predictor.Predictor`.
        """


class DrawnMaps:
    """The maps that a network draws for its attributes; what is below 0 is nowhere."""

    method: Method = "maps"

    def __init__(self, run: Run, predict: Predictor) -> None:
        self.size: tuple[int, int] = run.network.map_size  # type: ignore[assignment]
        self._predict = predict

    def read(self, images: Tensor, points: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return logits and maps; see :class:`Attention`."""
        output = self._predict(images, points, known)
        assert output.maps is not None
        return output.logits, output.maps.clamp(min=0)


class RegionShares:
    """What each region adds to a logit, for it or against it, spread evenly over the region's pixels: exact.

    The whole image's share, and that of a region that is not in the image, lies everywhere.
    """

    method: Method = "region shares"

    def __init__(self, run: Run, predict: Predictor) -> None:
        assert isinstance(run.network, LinearOnRegions)
        self.size: tuple[int, int] = run.network.region_size
        self._network, self._predict = run.network, predict

    def read(self, images: Tensor, points: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return logits and maps; see :class:`Attention`."""
        output = self._predict(images, points, known)
        assert output.features is not None
        device = self._network.mean.device
        with torch.inference_mode():
            shares = self._network.shares(output.features.to(device)).abs().cpu()
        return output.logits, spread_shares(shares, self._predict.draw(images, points, known))


def spread_shares(shares: Tensor, regions: Tensor) -> Tensor:
    """Return maps (B, A, h, w) that hold each region's share in equal parts in its pixels.

    Parameters
    ----------
    shares
        (B, A, R + 1), 0 or more; the last is the whole image's.
    regions
        (B, R, h, w), between 0 and 1.

    >>> regions = torch.tensor([[[[1.0, 1, 0, 0]], [[0, 0, 0, 0]]]])
    >>> spread_shares(torch.tensor([[[2.0, 3, 1]]]), regions).tolist()
    [[[[2.0, 2.0, 1.0, 1.0]]]]
    """
    height, width = regions.shape[2:]
    area = regions.sum(dim=(2, 3))
    there = area > 0
    own = shares[:, :, :-1]
    inside = torch.einsum("bar,brhw->bahw", own * there[:, None] / area.clamp(min=1e-9)[:, None], regions)
    everywhere = shares[:, :, -1] + (own * ~there[:, None]).sum(dim=2)
    return inside + (everywhere / (height * width))[:, :, None, None]


class ClassActivation:
    """Grad-CAM (Selvaraju et al., 2017) by captum, at the last layer whose maps reach every attribute.

    Evidence for an attribute alone: what speaks against it is not shown, so the map of an attribute that a network
    denies may be empty. captum runs the network once for each attribute.
    """

    method: Method = "class activation"

    def __init__(self, run: Run, predict: Predictor) -> None:
        with needs_extras("--where"):
            from captum.attr import LayerGradCam
        self.size = (-(-run.size[0] // 2), -(-run.size[1] // 2))
        self._network, self._predict = run.network, predict
        self._regions, self._attributes = run.regions, len(run.attribute_names)
        self._kind: type = LayerGradCam
        self._cam: Any = None

    def read(self, images: Tensor, points: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return logits and maps; see :class:`Attention`."""
        output = self._predict(images, points, known)
        device = next(self._network.parameters()).device
        given = normalise(images.to(device)).requires_grad_()
        regions = () if self._regions is None else (self._predict.draw(images, points, known).to(device),)
        if self._cam is None:
            layer = last_common_layer(self._network, (given[:_FEW], *(part[:_FEW] for part in regions)))
            self._cam = self._kind(self._logits, layer)
        found = []
        for attribute in range(self._attributes):
            one = self._cam.attribute(given, attribute, regions or None, relu_attributions=True)
            found.append(one.detach())
        return output.logits, self._placed(torch.cat(found, dim=1).float()).clamp(min=0).cpu()

    def _placed(self, maps: Tensor) -> Tensor:
        """Return maps (B, A, h, w) laid over the image: an ANet with a border reads the middle alone."""
        border = self._network.border if type(self._network) is ANet else 0
        if border:
            middle = F.interpolate(maps, self._network.patch, mode="bilinear", align_corners=False)  # type: ignore[arg-type]
            maps = F.pad(middle, (border,) * 4)
        return F.interpolate(maps, self.size, mode="bilinear", align_corners=False)

    def _logits(self, images: Tensor, *regions: Tensor) -> Tensor:
        output: Tensor = self._network(images, *regions).logits
        return output


def last_common_layer(network: nn.Module, inputs: tuple[Tensor, ...]) -> nn.Module:
    """Return the last layer whose output are maps that every attribute's logit depends on, or else most do.

    Parameters
    ----------
    network
        Any.
    inputs
        Of a few images, as its ``forward`` takes them.

    Raises
    ------
    OptionError
        If it has none, as one that reads histograms.
    """
    seen: dict[nn.Module, list[Tensor]] = {}

    def remember(module: nn.Module, given: object, output: object) -> None:
        if isinstance(output, Tensor) and output.dim() == 4:
            seen.setdefault(module, []).append(output)

    hooks = [module.register_forward_hook(remember) for module in network.modules() if not [*module.children()]]
    try:
        logits = network(*inputs).logits
    finally:
        for hook in hooks:
            hook.remove()
    best, most = None, 0
    for module, outputs in reversed(seen.items()):
        maps = outputs[0]
        if len(outputs) > 1 or maps.shape[2] * maps.shape[3] == 1 or not maps.requires_grad:
            continue
        gradients = (
            torch.autograd.grad(logits[:, a].sum(), maps, retain_graph=True, allow_unused=True)[0]
            for a in range(logits.shape[1])
        )
        # Concatenated branches pass zeros to those of other attributes.
        reached = sum(gradient is not None and bool(gradient.any()) for gradient in gradients)
        if reached > most:
            best, most = module, reached
        if reached == logits.shape[1]:
            break
    if best is not None:
        return best
    raise OptionError("--where: the network has no layer of maps that all attributes are read from")


def open_attention(run: Run, predict: Predictor, *, activation: bool = False) -> Attention:
    """Return what says where a run's network looks.

    The maps of a network that was trained without segmentation are channels like others, and none of an attribute:
    its class activation is taken.

    Parameters
    ----------
    run, predict
        The run, and its network as it is applied.
    activation
        Take the class activation of any network, so that two of different kinds compare.

    Raises
    ------
    OptionError
        If nothing does: the network reads patches about the parts of a face, or ten crops of an image.
    """
    if run.plan.main.ten_crops:
        raise OptionError(f"--where: {run.path} reads ten crops of an image, whose maps lie in different places")
    if run.reads_parts:
        raise OptionError(f"--where: {run.path} reads patches about the parts of a face, and no image to look at")
    draws = getattr(run.network, "map_size", None) is not None and run.plan.task("segmentation") is not None
    if draws and not activation:
        return DrawnMaps(run, predict)
    if isinstance(run.network, LinearOnRegions) and not activation:
        return RegionShares(run, predict)
    return ClassActivation(run, predict)
