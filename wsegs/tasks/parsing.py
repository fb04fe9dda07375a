"""Face parsing: one class a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wsegs.geometry.resample import nearest_pixels
from wsegs.nets import IGNORE_INDEX
from wsegs.nets.process_group import ProcessGroup
from wsegs.tasks.batch import Batch, SampleFields
from wsegs.tasks.losses import LossTerms
from wsegs.tasks.scores import ParsingScores, intersection_over_union
from wsegs.tasks.task import Task


class Parsing(Task):
    """Class maps; ``outputs`` are the names of the classes. Its options say where class maps come from."""

    reads: ClassVar[Literal["forward", "parse"]] = "parse"

    def __init__(self, name: str, outputs: tuple[str, ...], **source: Any) -> None:
        super().__init__(name, outputs)
        self._confusion = ParsingScores(len(outputs))

    def fields(self, network: nn.Module, size: tuple[int, int]) -> SampleFields:
        """Return that it needs class maps at the size of the images."""
        return SampleFields(classes=size)

    def head_size(self) -> int | None:
        """Return None: a network that parses is given the number of classes."""
        return None

    def losses(self, output: Sequence[Tensor], batch: Batch, group: ProcessGroup) -> dict[str, LossTerms]:
        """Return the softmax cross entropy at every scale."""
        assert batch.classes is not None
        return {self.name: parsing_loss(output, batch.classes)}

    def update(self, output: Sequence[Tensor], batch: Batch) -> None:
        """Count pixels by true and by predicted class."""
        assert batch.classes is not None
        self._confusion.add(output[0], batch.classes)

    def scores(self) -> dict[str, float]:
        """Return the mean intersection over union of the classes."""
        overlap = intersection_over_union(self._confusion.compute().cpu().numpy())
        self._confusion.reset()
        return {"mean_iou": float(np.nanmean(overlap))}

    def decode(self, output: Any) -> dict[str, Any]:
        """Return the most probable class of each pixel, uint8 (H, W) of each image."""
        return {self.name: list(output[0].argmax(dim=1).to(torch.uint8).cpu().numpy())}


def parsing_loss(scores: Sequence[Tensor], classes: Tensor) -> LossTerms:
    """Return the softmax cross entropy at every scale of a parser, added with equal weights (Kalayeh et al., 3.2).

    Parameters
    ----------
    scores
        (B, C, h, w), of several scales.
    classes
        uint8 (B, H, W), which each scale takes by nearest neighbour; ``IGNORE_INDEX`` is ignored. With nothing known,
        the loss is 0.
    """
    sums, counts = [], []
    for score in scores:
        target = nearest_classes(classes, (score.shape[2], score.shape[3]))
        sums.append(F.cross_entropy(score.float(), target.long(), ignore_index=IGNORE_INDEX, reduction="sum"))
        counts.append((target != IGNORE_INDEX).sum().float())
    return LossTerms(torch.stack(sums), torch.stack(counts))


def nearest_classes(classes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return class maps (B, H, W) at size (h, w) by nearest neighbour, as :mod:`wsegs.geometry.resample` does."""
    for axis, target in enumerate(size, start=1):
        nearest = nearest_pixels(classes.shape[axis], target)
        first, second = (torch.tensor(pixels, device=classes.device) for pixels in nearest)
        taken = classes.index_select(axis, first)
        tied = nearest.ties.any()
        classes = torch.maximum(taken, classes.index_select(axis, second)) if tied else taken
    return classes
