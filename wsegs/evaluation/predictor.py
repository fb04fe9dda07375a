"""A network applied to mini-batches."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wsegs.evaluation.runs import Applies, Run
from wsegs.geometry.crops import patch_corners
from wsegs.nets import NetworkOutput
from wsegs.nets.images import normalise
from wsegs.nets.layers.ten_crops import mean_of_patches, ten_patches
from wsegs.training.precision import autocast, memory_format, resolve_precision


class Predictor:
    """Applies a network to mini-batches, on a GPU if there is one.

    Parameters
    ----------
    run
        Its network, what draws its regions, and the precision of its plan.
    """

    def __init__(self, run: Run) -> None:
        precision = run.plan.precision
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        # What was chosen for the machine that trained need not be there.
        self._precision = resolve_precision("auto" if precision != "32-true" else precision, self._device.type)
        self._network = self._place(run.network)
        self._patch = run.size if run.plan.main.ten_crops else None
        self._corners = patch_corners(run.crop_size, run.size).tolist()
        self._kinds = {task.name: task.kind for task in run.plan.tasks}
        self._regions = None if run.regions is None else self._place(run.regions)

    def __call__(self, images: Tensor, points: Tensor, known: Tensor | None = None) -> NetworkOutput:
        """Return the network's output, float32 on the CPU.

        Parameters
        ----------
        images
            uint8 (B, 3, H, W); of a run with ten crops, what their patches are cut from.
        points
            float (B, 5, 2): eyes, nose, corners of the mouth, x and y in pixels of the images; nan if not known.
        known
            int64 (B, h, w) region integers, of a network that reads regions that were drawn.
        """
        with torch.inference_mode(), autocast(self._precision, self._device):
            normalised = normalise(images.to(self._device))
            if self._patch is not None:
                normalised = ten_patches(normalised, self._corners, self._patch)
            if self._regions is None:
                output = self._network(normalised)
            else:
                output = self._network(normalised, self._draw(normalised, points, known))
        output = NetworkOutput(
            {name: values.float().cpu() for name, values in output.heads.items()},
            None if output.maps is None else output.maps.float().cpu(),
            None if output.features is None else output.features.float().cpu(),
        )
        return output if self._patch is None else mean_of_patches(output, self._kinds)

    def draw(self, images: Tensor, points: Tensor, known: Tensor | None = None) -> Tensor:
        """Return the regions that the network reads, float (B, R, h, w) between 0 and 1, on the CPU."""
        with torch.inference_mode(), autocast(self._precision, self._device):
            return self._draw(normalise(images.to(self._device)), points, known).float().cpu()

    def _draw(self, normalised: Tensor, points: Tensor, known: Tensor | None) -> Tensor:
        assert self._regions is not None
        place = None if known is None else known.to(self._device)
        drawn: Tensor = self._regions(normalised, place, points.to(self._device))
        return drawn

    def parse(self, images: Tensor) -> Tensor:
        """Return class scores (B, C, H, W), on the CPU, of uint8 images (B, 3, H, W)."""
        with torch.inference_mode(), autocast(self._precision, self._device):
            scores: Tensor = self._network.parse(normalise(images.to(self._device)))[0]  # type: ignore[operator]
        return scores.float().cpu()

    def _place(self, module: nn.Module) -> nn.Module:
        placed: nn.Module = module.to(self._device, memory_format=memory_format(self._precision))  # type: ignore[call-overload]
        return placed


def predictor_of(run: Run) -> Applies:
    """Return what applies a run's network: the file that it was exported to, or torch."""
    return Predictor(run) if run.exported is None else run.exported
