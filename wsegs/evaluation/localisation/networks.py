"""The LNets that locate: runs that are checked before torch is imported, and loaded once a process."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wsegs.errors import OptionError
from wsegs.io.files import sha256_of
from wsegs.training.plan import read_plan
from wsegs.training.run_folder import BEST, LAST, PLAN, check_run
from wsegs.training.runs import Checkpoint

if TYPE_CHECKING:
    from wsegs.evaluation.localise import Responds

NETWORK = "lnet"


@dataclass(frozen=True)
class Locator:
    """What locates faces: LNet_o, and LNet_s where there is one. Pickles: workers load the networks themselves.

    Attributes
    ----------
    runs
        Their run folders, coarse before fine.
    checkpoint
        Which weights.
    sides
        Longest side in pixels to which each network's images are resized; 0 resizes nothing.
    thresholds
        Share of the peak's response that the cells of a window exceed, for each network.
    faces
        Faces of an image at most.
    """

    runs: tuple[Path, ...]
    checkpoint: Checkpoint
    sides: tuple[int, ...]
    thresholds: tuple[float, ...]
    faces: int = 1

    def networks(self) -> tuple[Responds, ...]:
        """Return the networks, which stay loaded in this process."""
        return tuple(_network(run, self.checkpoint) for run in self.runs)

    def describe(self) -> dict[str, object]:
        """Return all that decides what is located, as JSON can hold it."""
        file = BEST if self.checkpoint == "best" else LAST
        return {
            "runs": [str(run.absolute()) for run in self.runs],
            "sha256": [sha256_of(run / file) for run in self.runs],
            "sides": list(self.sides),
            "thresholds": list(self.thresholds),
            "faces": self.faces,
        }


@functools.lru_cache(maxsize=4)
def _network(run: Path, checkpoint: Checkpoint) -> Responds:
    from wsegs.evaluation.runs import load_run  # torch takes seconds to import

    network = load_run(run, checkpoint).network
    for layers in ("hidden", "heads"):  # nine tenths of the weights, which have no part in the response
        delattr(network, layers)
    return network  # type: ignore[return-value]


def check_runs(runs: Sequence[Path], checkpoint: Checkpoint) -> tuple[int, ...]:
    """Check that runs are LNets that learnt attributes, coarse before fine; return the sides of their images in pixels.

    Raises
    ------
    MissingError, DataError
        If there is no such run or checkpoint, or it is damaged.
    OptionError
        If a run is another network's, learnt something else, or its images are not those of its place.
    """
    sides = []
    for number, run in enumerate(runs):
        place, recipe = ("RUN_O", "lnet-o") if number == 0 else ("RUN_S", "lnet-s")
        check_run(run, checkpoint)
        plan = read_plan(run / PLAN)
        if plan.network.name != NETWORK:
            raise OptionError(
                f"{place}: {run}: expected a run of network '{NETWORK}', which wsegs train {recipe} makes, got one of"
                f" '{plan.network.name}'"
            )
        if plan.task("attributes") is None:
            tasks = ", ".join(task.name for task in plan.tasks)
            raise OptionError(
                f"{place}: {run}: expected an LNet that learnt attributes (wsegs train {recipe} --trunk {run} makes one"
                f" of it), got one that learnt {tasks}"
            )
        crop = plan.main.frame.kind
        if (crop == "box") != (number == 1):
            expected = "whole images (letterbox)" if number == 0 else "crops about boxes (box)"
            raise OptionError(f"{place}: {run}: expected an LNet of {expected}, got one of '{crop}'")
        sides.append(max(plan.network.size))
    return tuple(sides)
