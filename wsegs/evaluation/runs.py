"""A trained network, rebuilt from its run folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from wsegs.errors import OptionError
from wsegs.evaluation.localisation.of_run import RunLocator, locator_of
from wsegs.nets import NetworkOutput
from wsegs.nets.layers.posed_parts import PosedParts
from wsegs.nets.layers.region_sources import LandmarkBoxes, RegionSource
from wsegs.tasks import build_task
from wsegs.tasks.task import Task
from wsegs.training.plan import TrainingPlan
from wsegs.training.regions import build_regions
from wsegs.training.runs import Checkpoint, RunInfo, read_run
from wsegs.training.weights import build_planned_network, load_part, read_checkpoint


class Applies(Protocol):
    """Applies a network to mini-batches; see :class:`wsegs.evaluation.predictor.Predictor`."""

    def __call__(self, images: Tensor, points: Tensor, known: Tensor | None = None) -> NetworkOutput:
        """Return the network's output."""

    def draw(self, images: Tensor, points: Tensor, known: Tensor | None = None) -> Tensor:
        """Return the regions that the network reads."""

    def parse(self, images: Tensor) -> Tensor:
        """Return class scores."""


@dataclass(frozen=True)
class Run:
    """A trained network with what is needed to use it.

    Attributes
    ----------
    path, plan, info
    network
        In evaluation mode.
    tasks
        Those of the plan, with what a checkpoint keeps of them.
    regions
        What draws the regions that the network reads; None where it reads none, or nothing draws them.
    locator
        What finds the faces of new pictures by the LNets that the run keeps; None where it keeps none.
    exported
        What applies the network where it is in a file of another program; None where it is ``network``.
    """

    path: Path
    plan: TrainingPlan
    info: RunInfo
    network: nn.Module
    tasks: tuple[Task, ...]
    regions: RegionSource | None = None
    locator: RunLocator | None = None
    exported: Applies | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the network's images."""
        return self.plan.network.size

    @property
    def crop_size(self) -> tuple[int, int]:
        """(H, W) of the crops of images, of which the network may see patches."""
        return self.plan.main.frame.size if self.plan.main.ten_crops else self.size

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """In the order of the network's outputs; empty where it learnt none."""
        task = self.plan.task("attributes")
        return () if task is None else task.outputs

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of a network that parses, in the order of its scores; else empty."""
        task = self.plan.task("parsing")
        return () if task is None else task.outputs

    @property
    def region_names(self) -> tuple[str, ...]:
        """Of a network that reads regions; else empty."""
        return self.plan.network.regions

    @property
    def image_tasks(self) -> tuple[Task, ...]:
        """The tasks that say something of a whole image."""
        return tuple(task for task in self.tasks if task.name in self.plan.network.heads)

    @property
    def reads_parts(self) -> bool:
        """True of a network that reads patches about the parts of a face, which its five points say."""
        return isinstance(self.regions, PosedParts)

    @property
    def reads_boxes(self) -> bool:
        """True of a network that reads boxes about the five points of a face."""
        return isinstance(self.regions, LandmarkBoxes)

    def check_usable(self) -> None:
        """Check that the network can be applied to new images and says something of them.

        Raises
        ------
        OptionError
            If it only parses, or reads regions and nothing draws them.
        """
        if not self.plan.network.heads:
            raise OptionError(f"{self.path}: network '{self.plan.network.name}' parses faces, it has no attributes")
        if self.region_names and self.regions is None:
            raise OptionError(
                f"{self.path}: network '{self.plan.network.name}' reads regions that were known in training, and"
                " nothing draws them for new images; wsegs train --parser RUN gives it a parser"
            )


def load_run(path: Path | str, checkpoint: Checkpoint = "best") -> Run:
    """Rebuild a trained network from its run folder, ready to evaluate.

    Parameters
    ----------
    path
        The run folder.
    checkpoint
        ``best``, ``last`` or ``trained``.

    Raises
    ------
    MissingError
        If there is no such run or checkpoint.
    DataError
        If a file of it is damaged or made by another version.
    """
    path = Path(path)
    plan, info = read_run(path)
    network = build_planned_network(plan.network)
    regions, _ = build_regions(plan, network, weights=False)
    file = path / f"{checkpoint}.ckpt"
    weights = read_checkpoint(file)["state_dict"]
    load_part(network, weights, "network", file)
    if regions is not None:
        load_part(regions, weights, "regions", file)
        regions.eval()
    tasks = []
    for planned in plan.tasks:
        task = build_task(planned.kind, planned.name, planned.outputs, planned.options)
        task.attach(network)
        load_part(task, weights, f"tasks.{planned.name}", file)
        tasks.append(task.eval())
    return Run(path, plan, info, network.eval(), tuple(tasks), regions, locator_of(path, info))


def thresholds_of(run: Run) -> Tensor:
    """Return the logits from which on each attribute is called present, float (A,): 0 unless the run chose others."""
    chosen = getattr(run.network, "thresholds", None)
    return torch.zeros(len(run.attribute_names)) if chosen is None else chosen.float().cpu()
