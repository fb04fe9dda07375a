"""A run as one module: from the pixels of a crop to what the run says of it."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.export import Dim

from wsegs.errors import OptionError
from wsegs.evaluation.runs import Run
from wsegs.geometry.crops import patch_corners
from wsegs.nets import NetworkOutput
from wsegs.nets.layers.heads import Heads
from wsegs.nets.layers.posed_parts import PosedParts
from wsegs.nets.layers.region_sources import DrawnRegions, KnownRegions, LandmarkBoxes
from wsegs.nets.layers.ten_crops import mean_of_patches, ten_patches
from wsegs.tasks.number import Number

MAPS, SCORES = "maps", "scores"
"""Names of what a network draws, and of a parser's scores of each class."""


class Input(NamedTuple):
    """What a module is given, beside the number of images in front.

    Attributes
    ----------
    name, shape
    dtype
        ``uint8``, ``int64`` or ``float32``.
    meaning
        In words, for who uses the file.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    meaning: str


class ExportedNetwork(nn.Module):
    """Pixels to outputs, with everything of a run that lies between: parser, patches, the unit of numbers.

    Parameters
    ----------
    run
        See :func:`wsegs.evaluation.runs.load_run`.

    Attributes
    ----------
    inputs : tuple of Input
        Of :meth:`forward`, in its order.
    outputs : tuple of str
        Names of what it returns, in that order: the run's tasks, then ``maps`` where the network draws some, or
        ``scores`` of a parser.

    Raises
    ------
    OptionError
        If the network computes by other means than torch, or nothing draws the regions that it reads.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        if getattr(run.network, "reads_on_cpu", False):
            raise OptionError(
                f"{run.path}: network '{run.plan.network.name}' computes its features by scikit-image, which cannot"
                " be exported; expected a run of another network"
            )
        if run.plan.network.heads:
            run.check_usable()
        self.network = copy.deepcopy(run.network)
        for module in self.network.modules():
            if isinstance(module, Heads):
                module.rename_keywords()
        self.regions = run.regions
        self.inputs = _inputs(run)
        self._patch = run.size if run.plan.main.ten_crops else None
        self._corners = patch_corners(run.crop_size, run.size).tolist() if self._patch else []
        self._kinds = {task.name: task.kind for task in run.plan.tasks}
        self._units = {task.name: (float(task.mean), float(task.std)) for task in run.tasks if isinstance(task, Number)}
        self.parses = not run.plan.network.heads
        maps = (MAPS,) if getattr(run.network, "map_size", None) is not None else ()
        self.outputs = (SCORES,) if self.parses else (*run.plan.network.heads, *maps)

    def forward(self, images: Tensor, further: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the outputs for crops, uint8 (B, 3, H, W) RGB, and for the second of :attr:`inputs`, if any."""
        normalised = images.float() / 127.5 - 1
        if self.parses:
            return (self.network.parse(normalised)[0],)  # type: ignore[operator]
        if self._patch is not None:
            normalised = ten_patches(normalised, self._corners, self._patch)
        if self.regions is None:
            output = self.network(normalised)
        else:
            points = self.inputs[-1].name == "points"
            known, places = (None, further) if points else (further, None)
            output = self.network(normalised, self.regions(normalised, known, places))
        if self._patch is not None:
            output = mean_of_patches(output, self._kinds)
        return self._named(output)

    def _named(self, output: NetworkOutput) -> tuple[Tensor, ...]:
        found: list[Tensor] = []
        for name in self.outputs:
            if name == MAPS:
                assert output.maps is not None
                found.append(output.maps.float())
                continue
            mean, std = self._units.get(name, (0.0, 1.0))
            found.append(output.heads[name].float() * std + mean)
        return tuple(found)

    def free_sizes(self) -> tuple[dict[int, Dim], ...]:
        """Return which sizes of the inputs are free, as ``torch.export`` takes them: the number of images."""
        batch = Dim("batch")
        return tuple({0: batch} for _ in self.inputs)

    def example(self, count: int = 2, seed: int = 0) -> tuple[Tensor, ...]:
        """Return inputs of chance for so many images."""
        generator = torch.Generator().manual_seed(seed)
        given = []
        for name, shape, dtype, _ in self.inputs:
            values = torch.rand(count, *shape, generator=generator)
            if name == "points":
                values = values * torch.tensor([self.inputs[0].shape[2], self.inputs[0].shape[1]])
            elif dtype != "float32":
                values = values * 256
            given.append(values.to(getattr(torch, dtype)))
        return tuple(given)


def _inputs(run: Run) -> tuple[Input, ...]:
    height, width = run.crop_size
    crops = Input("images", (3, height, width), "uint8", "crops: RGB, 0 to 255, channels first")
    if isinstance(run.regions, KnownRegions):
        raise OptionError(f"{run.path}: reads class maps that were known in training; a parser's run can be exported")
    if isinstance(run.regions, DrawnRegions):
        meaning = "region integers: bit r of a pixel says whether it lies in region r; all 0 reads the mean face's"
        return crops, Input("regions", run.regions.size, "int64", meaning)
    if isinstance(run.regions, (LandmarkBoxes, PosedParts)):
        meaning = "eyes, nose, corners of the mouth: x and y in pixels of the crop; nan where they are not known"
        return crops, Input("points", (5, 2), "float32", meaning)
    return (crops,)
