"""Mirroring some rows of a mini-batch, on the device that trains."""

from __future__ import annotations

import torch
from torch import Tensor

from wsegs.tasks.batch import Batch


def mirrored(batch: Batch) -> Batch:
    """Return a mini-batch with those rows mirrored that are to be."""
    return batch._replace(
        images=mirror(batch.images, batch.flip),
        regions=None if batch.regions is None else mirror(batch.regions, batch.flip),
        classes=None if batch.classes is None else mirror(batch.classes, batch.flip),
        points=mirror_points(batch.points, batch.flip, batch.images.shape[-1]),
        flip=torch.zeros_like(batch.flip),
    )


def mirror(images: Tensor, flip: Tensor) -> Tensor:
    """Mirror some of a batch left to right.

    Images and region integers are mirrored alike, so masks stay on their faces. Nothing has to be swapped, as
    mirrored landmarks would need: a mask is a place in the picture, and an attribute's regions are unions of left
    and right. Turn flips off for attributes that mean one side only.

    Parameters
    ----------
    images
        (B, ..., W).
    flip
        bool (B,).
    """
    chosen = flip.view(-1, *[1] * (images.dim() - 1))
    return torch.where(chosen, images.flip(-1), images)


def mirror_points(points: Tensor, flip: Tensor, width: int) -> Tensor:
    """Mirror the five points of some of a batch: what was the left eye is the right one then.

    Parameters
    ----------
    points
        (B, 5, 2): left eye, right eye, nose, left and right corner of the mouth; x and y in pixels.
    flip
        bool (B,).
    width
        Of the images, in pixels.
    """
    mirrored = points[:, [1, 0, 2, 4, 3]]
    mirrored = torch.stack([width - 1 - mirrored[..., 0], mirrored[..., 1]], dim=-1)
    return torch.where(flip[:, None, None], mirrored, points)
