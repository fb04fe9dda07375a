"""LNets that are kept in another run, which then finds the faces of new pictures itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import OptionError
from wsegs.io.files import atomic_write, sha256_of
from wsegs.training.plan import read_plan
from wsegs.training.run_folder import BEST, PLAN, check_run, no_checkpoint

LNETS = "lnets.npz"
"""Weights of the convolutions of LNet_o and LNet_s, in a run folder: arrays and nothing else."""

_PLACES = (("RUN_O", "lnet-o"), ("RUN_S", "lnet-s"))


@dataclass(frozen=True)
class LNets:
    """LNet_o and LNet_s.

    Attributes
    ----------
    runs
        Their run folders.
    thresholds
        Share of the peak's response that the cells of a window exceed, for each; see
        :func:`wsegs.evaluation.localise.locate`.
    """

    runs: tuple[Path, Path]
    thresholds: tuple[float, float] = (0.5, 0.5)


def check_lnets(lnets: LNets) -> None:
    """Check that runs are LNets that learnt attributes, of whole images and of crops about boxes.

    Raises
    ------
    MissingError, DataError
        If there is no such run or checkpoint, or it is damaged.
    OptionError
        If a run is something else.
    """
    for number, (run, (place, recipe)) in enumerate(zip(lnets.runs, _PLACES, strict=True)):
        check_run(run)
        if not (run / BEST).is_file():
            raise no_checkpoint(run / BEST)
        plan = read_plan(run / PLAN)
        about_boxes = plan.main.frame.kind == "box"
        if plan.network.name != "lnet" or plan.task("attributes") is None or about_boxes != bool(number):
            learnt = ", ".join(task.name for task in plan.tasks)
            crops = f"crops ({plan.main.frame.kind})" if number == 0 else f"images ({plan.main.frame.kind})"
            raise OptionError(
                f"--locate: {place} {run}: expected an LNet that learnt attributes of"
                f" {'crops about boxes' if number else 'whole images'}, which wsegs train {recipe} makes, got"
                f" '{plan.network.name}' that learnt {learnt} of {crops}"
            )


def describe_lnets(lnets: LNets) -> dict[str, Any]:
    """Return what is needed beside weights to find faces, as JSON holds it: of each network, LNet_o first."""
    found = []
    for run, threshold in zip(lnets.runs, lnets.thresholds, strict=True):
        network = read_plan(run / PLAN).network
        options = {name: value for name, value in network.options.items() if name in ("width", "layers")}
        about = {"run": str(run.absolute()), "sha256": sha256_of(run / BEST), "network": options}
        found.append({**about, "longest_side": max(network.size), "threshold": threshold})
    return {"lnets": found}


def keep_lnets(lnets: LNets, output: Path) -> None:
    """Write the convolutions of LNets into a run folder; the layers behind them find no faces."""
    from wsegs.training.weights import part_of, read_checkpoint  # torch takes seconds to import

    arrays: dict[str, NDArray[np.float32]] = {}
    for number, run in enumerate(lnets.runs):
        weights = part_of(read_checkpoint(run / BEST)["state_dict"], "network.features")
        arrays |= {f"{number}.{name}": value.float().numpy() for name, value in weights.items()}
    with atomic_write(output / LNETS) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # one of its options might be meant
