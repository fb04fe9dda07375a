"""Losses that ignore what is not known."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F


def segmentation_loss(maps: Tensor, masks: Tensor, known: Tensor) -> Tensor:
    """Return the mean squared error between maps and masks (Thom & Hand, section 3.2).

    Parameters
    ----------
    maps, masks
        (B, A, h, w).
    known
        bool (B, A): the masks that count. With none, the loss is 0.
    """
    error = (maps.float() - masks).square().mean(dim=(2, 3))
    return (error * known).sum() / known.sum().clamp(min=1)


def recognition_loss(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
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
    return (error * known).sum() / known.sum().clamp(min=1)


def class_weights(labels: NDArray[np.int8]) -> Tensor:
    """Return weights, float (2, A), that make the absent and the present labels (N, A) of an attribute count alike.

    They average 1 over the labels. An attribute with labels of one kind only keeps weights of 1.
    """
    known = np.maximum((labels >= 0).sum(axis=0), 1)
    present = (labels == 1).sum(axis=0) / known
    both = (present > 0) & (present < 1)
    share = np.where(both, present, 0.5)
    return torch.from_numpy(np.stack([0.5 / (1 - share), 0.5 / share])).float()
