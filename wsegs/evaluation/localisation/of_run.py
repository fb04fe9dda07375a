"""The LNets that a run keeps, to find the faces of new pictures itself."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wsegs.errors import DataError
from wsegs.evaluation.localise import locate_face
from wsegs.nets.lnet import LNet
from wsegs.training.fitting.lnets import LNETS
from wsegs.training.runs import RunInfo


@dataclass(frozen=True)
class RunLocator:
    """Finds faces by the LNets of a run. Pickles as paths: each process loads the networks itself.

    Attributes
    ----------
    file
        Weights; see :func:`wsegs.training.fitting.lnets.keep_lnets`.
    options
        Of each network, as (name, value).
    longest_sides, thresholds
        See :func:`wsegs.evaluation.localise.locate_face`.
    """

    file: Path
    options: tuple[tuple[tuple[str, Any], ...], tuple[tuple[str, Any], ...]]
    longest_sides: tuple[int, int]
    thresholds: tuple[float, float]

    def box(self, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Return the box (4,) of the face in an image (H, W, 3): x, y, width, height; None where nothing responds.

        Raises
        ------
        DataError
            If the weights are not there or damaged.
        """
        coarse, fine = _networks(self.file, self.options)
        sides, thresholds = self.longest_sides, self.thresholds
        found = locate_face(coarse, fine, image, longest_sides=sides, thresholds=thresholds)
        return None if found is None else found.box


def locator_of(run: Path, info: RunInfo) -> RunLocator | None:
    """Return what finds faces for a run; None where it keeps no LNets."""
    kept = info.provenance.get("lnets")
    if not kept:
        return None
    first, second = (tuple(sorted(each["network"].items())) for each in kept)
    sides = (int(kept[0]["longest_side"]), int(kept[1]["longest_side"]))
    return RunLocator(run / LNETS, (first, second), sides, (float(kept[0]["threshold"]), float(kept[1]["threshold"])))


@functools.lru_cache(maxsize=2)
def _networks(file: Path, options: tuple[tuple[tuple[str, Any], ...], ...]) -> tuple[LNet, LNet]:
    found = []
    try:
        with np.load(file) as stored:
            for number, given in enumerate(options):
                network = LNet({}, (227, 227), hidden=0, **dict(given)).eval().requires_grad_(False)
                prefix = f"{number}."
                arrays = {name.removeprefix(prefix): stored[name] for name in stored.files if name.startswith(prefix)}
                network.features.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
                found.append(network)
    except (OSError, ValueError, RuntimeError, EOFError, KeyError) as error:
        fault = (str(error).strip() or type(error).__name__).splitlines()[-1].strip()
        raise DataError(f"{file}: no weights of the LNets of this run ({fault}); the run is damaged") from None
    coarse, fine = found
    return coarse, fine
