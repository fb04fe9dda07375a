"""Mirroring some rows of a mini-batch, on the device that trains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from wsegs.io.sides import exchanged
from wsegs.tasks.batch import Batch
from wsegs.training.plan import MirrorPlan

_NOTHING = MirrorPlan()


def mirrored(batch: Batch, plan: MirrorPlan = _NOTHING) -> Batch:
    """Return a mini-batch with those rows mirrored that are to be; what is of two sides is exchanged."""
    flip = batch.flip
    regions, classes = batch.regions, batch.classes
    if regions is not None:
        regions = _where(flip, exchange_bits(mirror(regions, flip), plan.regions), regions)
    if classes is not None:
        classes = _where(flip, _looked_up(mirror(classes, flip), plan.classes), classes)
    return batch._replace(
        images=mirror(batch.images, flip),
        labels=_mirrored_labels(batch.labels, flip, plan),
        regions=regions,
        classes=classes,
        points=mirror_points(batch.points, flip, batch.images.shape[-1]),
        flip=torch.zeros_like(flip),
    )


def _mirrored_labels(labels: Mapping[str, Tensor], flip: Tensor, plan: MirrorPlan) -> dict[str, Tensor]:
    found = dict(labels)
    if plan.attributes and "attributes" in labels:
        values = labels["attributes"]
        found["attributes"] = _where(flip, values[:, exchanged(values.shape[1], plan.attributes)], values)
    for name, pairs in plan.categories.items():
        if name in labels:
            found[name] = _where(flip, _looked_up(labels[name], pairs), labels[name])
    for one, other in plan.numbers:
        if one in labels and other in labels:
            found[one] = _where(flip, labels[other], labels[one])
            found[other] = _where(flip, labels[one], labels[other])
    return found


def exchange_bits(regions: Tensor, pairs: Iterable[tuple[int, int]]) -> Tensor:
    """Return region integers with the bits of each pair exchanged."""
    for one, other in pairs:
        differ = ((regions >> one) ^ (regions >> other)) & 1
        regions = regions ^ (differ << one) ^ (differ << other)
    return regions


def _looked_up(codes: Tensor, pairs: Iterable[tuple[int, int]]) -> Tensor:
    """Return codes with those of each pair exchanged."""
    changed = codes
    for one, other in pairs:
        changed = torch.where(codes == one, other, torch.where(codes == other, one, changed)).to(codes.dtype)
    return changed


def _where(flip: Tensor, changed: Tensor, values: Tensor) -> Tensor:
    return torch.where(flip.view(-1, *[1] * (values.dim() - 1)), changed, values)


def mirror(images: Tensor, flip: Tensor) -> Tensor:
    """Mirror some of a batch left to right.

    Images and region integers are mirrored alike, so masks stay on their faces.

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
