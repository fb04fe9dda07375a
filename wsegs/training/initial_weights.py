"""The weights that a training begins with, where they are those of an earlier run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from wsegs.errors import DataError, OptionError
from wsegs.io.files import sha256_of
from wsegs.training.run_folder import BEST
from wsegs.training.runs import load_run


def take_weights(
    network: nn.Module, run: Path, *, attributes: tuple[str, ...], classes: tuple[str, ...], regions: tuple[str, ...]
) -> None:
    """Copy the weights of an earlier run's best checkpoint into a network, to train it further.

    Parameters
    ----------
    network
        The network of the recipe, at any input size that its weights do not depend on.
    run
        The run folder.
    attributes, classes, regions
        What the outputs and inputs of the network mean, in their order; the run's must be the same.

    Raises
    ------
    MissingError, DataError
        If there is no such run or checkpoint, or it is damaged.
    OptionError
        If the run's network is another, or its outputs mean other things.
    """
    earlier = load_run(run)
    for kind, ours, theirs in (
        ("attributes", attributes, earlier.info.attribute_names),
        ("classes", classes, earlier.info.class_names),
        ("regions", regions, earlier.info.region_names),
    ):
        if ours != theirs:
            raise OptionError(
                f"--start-from: {run} has other {kind}: expected {_names(ours)}, in that order, got {_names(theirs)}"
            )
    try:
        network.load_state_dict(earlier.network.state_dict())
    except RuntimeError as error:
        fault = str(error).splitlines()[-1].strip()
        raise OptionError(f"--start-from: {run} is of another network or width ({fault})") from None


def describe_weights(run: Path) -> dict[str, Any]:
    """Return what the provenance of a run says of the one that it started from."""
    try:
        return {"run": str(run.absolute()), "sha256": sha256_of(run / BEST)}
    except OSError as error:
        raise DataError(f"{run / BEST}: cannot be read ({error.strerror})") from None


def _names(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:3])
    return f"{len(names)} ({shown}{', ...' if len(names) > 3 else ''})"
