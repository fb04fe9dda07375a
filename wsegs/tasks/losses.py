"""Losses that ignore what is not known.

Each comes as a sum and the number of values that are in it, not as their quotient: where several processes share a
batch, the mean over the whole batch is the quotient of their sums, and not the mean of their means.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from wsegs.training.class_maps import IGNORE_INDEX


class LossTerms(NamedTuple):
    """A loss as one or several means that are added up.

    Attributes
    ----------
    sums
        float (K,): the errors of what is known, added up.
    counts
        float (K,): how many they are.
    """

    sums: Tensor
    counts: Tensor

    def mean(self) -> Tensor:
        """Return the loss, a scalar; a mean of nothing counts as 0."""
        return (self.sums / self.counts.clamp(min=1)).sum()


def segmentation_loss(maps: Tensor, masks: Tensor, known: Tensor) -> LossTerms:
    """Return the mean squared error between maps and masks (Thom & Hand, section 3.2).

    Parameters
    ----------
    maps, masks
        (B, A, h, w).
    known
        bool (B, A): the masks that count. With none, the loss is 0.
    """
    error = (maps.float() - masks).square().mean(dim=(2, 3))
    return _over_known(error, known)


def recognition_loss(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> LossTerms:
    """Return the binary cross entropy with logits (Thom & Hand, section 3.2) over known labels.

    Parameters
    ----------
    logits
        (B, A).
    labels
        int8 (B, A): 1 present, 0 absent, -1 unknown and ignored. With none known, the loss is 0.
    weights
        (2, A): of absent and of present labels; None weighs them alike. See :func:`class_weights`.
    """
    known = labels >= 0
    target = labels.clamp(min=0).float()
    error = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    if weights is not None:
        error = error * torch.where(labels > 0, weights[1], weights[0])
    return _over_known(error, known)


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


def _over_known(error: Tensor, known: Tensor) -> LossTerms:
    return LossTerms((error * known).sum().view(1), known.sum().float().view(1))


def nearest_classes(classes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return class maps (B, H, W) at size (h, w): the class of the pixel whose centre is nearest."""
    rows, columns = (
        ((torch.arange(target, device=classes.device) + 0.5) * (source / target)).long()
        for target, source in zip(size, classes.shape[1:], strict=True)
    )
    return classes[:, rows[:, None], columns]


def class_weights(labels: NDArray[np.int8]) -> Tensor:
    """Return weights, float (2, A), that make the absent and the present labels (N, A) of an attribute count alike.

    They average 1 over the labels. An attribute with labels of one kind only keeps weights of 1.
    """
    known = np.maximum((labels >= 0).sum(axis=0), 1)
    present = (labels == 1).sum(axis=0) / known
    both = (present > 0) & (present < 1)
    share = np.where(both, present, 0.5)
    return torch.from_numpy(np.stack([0.5 / (1 - share), 0.5 / share])).float()
