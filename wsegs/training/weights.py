"""Build the network of a plan and load the weights that a training begins with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wsegs.errors import DataError, OptionError
from wsegs.io.files import sha256_of
from wsegs.nets import build_network
from wsegs.nets.backbones import BackboneWeights, load_backbone_weights
from wsegs.nets.layers.region_sources import ParsedRegions
from wsegs.nets.weights import copy_layers, freeze, read_weights
from wsegs.training.plan import NetworkPlan, ParserPlan, TrainingPlan
from wsegs.training.run_folder import BEST, check_run, no_checkpoint
from wsegs.training.runs import read_run


def build_planned_network(plan: NetworkPlan) -> nn.Module:
    """Return the network of a plan, with weights of chance."""
    return build_network(
        plan.name,
        size=plan.size,
        heads=plan.heads,
        classes=plan.classes or None,
        regions=plan.regions or None,
        **plan.options,
    )


def read_checkpoint(file: Path) -> dict[str, Any]:
    """Read a checkpoint of a run; never runs code from the file.

    Raises
    ------
    MissingError
        If there is none.
    DataError
        If it is cut short or is another file.
    """
    if not file.is_file():
        raise no_checkpoint(file)
    checkpoint = read_weights(file)
    if "state_dict" not in checkpoint:
        raise DataError(f"{file}: not a checkpoint of wsegs: it has no state_dict")
    return checkpoint


def part_of(weights: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """Return the weights whose names begin with ``part.``, without it."""
    return {name.removeprefix(f"{part}."): value for name, value in weights.items() if name.startswith(f"{part}.")}


def load_part(module: nn.Module, weights: Mapping[str, Tensor], part: str, file: Path) -> None:
    """Load what a checkpoint has of a module.

    Raises
    ------
    DataError
        If the checkpoint is of another module.
    """
    try:
        module.load_state_dict(part_of(weights, part))
    except RuntimeError as error:
        fault = str(error).splitlines()[-1].strip()
        raise DataError(f"{file}: not a checkpoint of the network in its plan ({fault})") from None


def load_parser(plan: ParserPlan, size: tuple[int, int], *, hard: bool, weights: bool = True) -> ParsedRegions:
    """Return the parser that draws regions of size (h, w).

    Parameters
    ----------
    plan
        How it is built.
    size, hard
        See :class:`wsegs.nets.layers.region_sources.ParsedRegions`.
    weights
        Load those of the run that it was taken from; False leaves them to chance.
    """
    parser = build_planned_network(plan.network)
    if weights:
        file = plan.source / BEST
        load_part(parser, read_checkpoint(file)["state_dict"], "network", file)
    return ParsedRegions(parser, plan.network.size, plan.class_names, size, hard=hard)


def load_trunks(network: nn.Module, plan: TrainingPlan) -> None:
    """Copy the weights that a training begins with into its network: of an earlier run, of trunks.

    Raises
    ------
    MissingError, DataError
        If there are no such weights, or they are damaged.
    OptionError
        If they are those of another network, or its outputs mean other things.
    """
    if plan.init_from:
        _init_from(network, plan, Path(plan.init_from))
        if isinstance(getattr(network, "thresholds", None), Tensor):
            network.thresholds.zero_()  # type: ignore[operator]  # they were chosen for the logits of before
    elif (backbone := plan.network.backbone) is not None and backbone.weights is not None:
        weights_file = BackboneWeights(backbone.weights, backbone.sha256, backbone.licence)
        load_backbone_weights(network.backbone, backbone.name, weights_file)  # type: ignore[arg-type]
    for trunk in plan.network.trunks:
        if trunk.source.is_dir():
            check_run(trunk.source)
            weights = part_of(read_checkpoint(trunk.source / BEST)["state_dict"], "network")
        else:
            read = read_weights(trunk.source)
            weights = read.get("state_dict", read)
        try:
            copy_layers(network, weights, trunk.layers, trunk.source)
        except OptionError as error:
            fitting = getattr(network, "fitting_option", None)
            hint = "" if fitting is None else fitting(weights)
            raise OptionError(f"{error}{hint}") from None
    freeze(network, plan.network.trunks)


def describe_weights(plan: TrainingPlan) -> dict[str, Any]:
    """Return what the provenance of a run says of the weights that it began with."""
    sources = [Path(plan.init_from)] if plan.init_from else []
    found: dict[str, Any] = {}
    for source in [*sources, *(trunk.source for trunk in plan.network.trunks)]:
        file = source / BEST if source.is_dir() else source
        try:
            found[str(source.absolute())] = sha256_of(file)
        except OSError as error:
            raise DataError(f"{file}: cannot be read ({error.strerror})") from None
    described: dict[str, Any] = {"init_from": found} if found else {}
    if plan.network.backbone is not None and plan.network.backbone.weights is not None:
        backbone = plan.network.backbone
        licence = backbone.licence or "not known; see where they came from"
        about = {"name": backbone.name, "weights": str(backbone.weights), "sha256": backbone.sha256, "licence": licence}
        described["backbone"] = about
    return described


def _init_from(network: nn.Module, plan: TrainingPlan, run: Path) -> None:
    earlier, _ = read_run(run)
    weights = read_checkpoint(run / BEST)["state_dict"]
    ours, theirs = _meanings(plan), _meanings(earlier)
    for name in sorted({*ours, *theirs}):
        if ours.get(name) != theirs.get(name):
            raise OptionError(
                f"--init-from: {run} has other {name}: expected {_names(ours.get(name, ()))}, in that order,"
                f" got {_names(theirs.get(name, ()))}"
            )
    try:
        network.load_state_dict(part_of(weights, "network"))
    except RuntimeError as error:
        fault = str(error).splitlines()[-1].strip()
        raise OptionError(f"--init-from: {run} is of another network or width ({fault})") from None


def _meanings(plan: TrainingPlan) -> dict[str, tuple[str, ...]]:
    """Return what the outputs and inputs of a network mean, in their order."""
    outputs = {task.name: task.outputs for task in plan.tasks if task.name in plan.network.heads}
    parsing = plan.task("parsing")
    if parsing is not None:
        outputs["classes"] = parsing.outputs
    return {**outputs, **({"regions": plan.network.regions} if plan.network.regions else {})}


def _names(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:3])
    return f"{len(names)} ({shown}{', ...' if len(names) > 3 else ''})"


def seeded_network(plan: TrainingPlan) -> nn.Module:
    """Return the network of a training as its seed begins it."""
    torch.manual_seed(plan.seed)
    return build_planned_network(plan.network)
