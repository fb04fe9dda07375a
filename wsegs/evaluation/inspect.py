"""Inspect a trained network: weights of regions, last activation maps, parsed faces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from wsegs.evaluation.images import gone
from wsegs.evaluation.runs import Run
from wsegs.nets.images import normalise
from wsegs.nets.layers.region_sources import KnownRegions, ParsedRegions, RegionSource
from wsegs.store import MaskStore
from wsegs.store.images import find_image_root
from wsegs.tasks.batch import Batch, SampleFields
from wsegs.training.plan import SourcePlan
from wsegs.training.samples.checks import check_images
from wsegs.training.samples.loaders import open_source
from wsegs.training.samples.sampler import ValidationSampler
from wsegs.training.samples.sources import SampleDataset

_BATCH = 32
_ACTIVATIONS = (nn.Conv2d, nn.BatchNorm2d, nn.PReLU, nn.ReLU)


@dataclass(frozen=True)
class Inspection:
    """Activations of a network on the validation images of its training.

    Attributes
    ----------
    images
        (N, H, W, 3) uint8 RGB: some of them.
    maps
        (K, h, w) float: the activation maps of the last convolution on the first image, the highest mean first; None
        of a network that only parses, or has no convolution.
    region_weights
        (A, R) float: how much each region counts for each attribute, averaged over the images; None where the network
        weighs none.
    parsed
        (N, C, h, w) float: the probability of each class on ``images``; None where nothing parses.
    parsed_names
        Of the C classes.
    shares, probabilities, regions
        Of a network whose logits are sums over regions, on the first image: what each region and, last, the whole image
        add, (A, R + 1); of each attribute, (A,); the regions, (R, h, w). Else None.
    """

    images: NDArray[np.uint8]
    maps: NDArray[np.float32] | None
    region_weights: NDArray[np.float32] | None
    parsed: NDArray[np.float32] | None
    parsed_names: tuple[str, ...]
    shares: NDArray[np.float32] | None = None
    probabilities: NDArray[np.float32] | None = None
    regions: NDArray[np.float32] | None = None


def inspect_run(
    run: Run, *, data: Path | None = None, faces: int = 8, channels: int = 50, limit: int = 256
) -> Inspection:
    """Run a network on the validation images of its training and keep its activations.

    Parameters
    ----------
    run
        Any run.
    data
        The data set, if it moved since its landmarks were found.
    faces
        How many images to keep.
    channels
        How many activation maps to keep.
    limit
        Regions' weights are averaged over at most so many images.

    Raises
    ------
    MissingError, DataError
        If the mask store of the training, or its images, are no longer there.
    """
    opened, split, source = open_source(moved_source(run, data), run.size)
    rows = split.validation[: max(limit, faces)]
    check_images(opened, rows)
    regions, fields = reading_regions(run)
    crops = SampleDataset(source, fields)
    weights, count = None, 0
    first: Batch | None = None
    with torch.inference_mode():
        for batch in _batches(crops, rows, "report"):
            first = first or batch
            if regions is None or not hasattr(run.network, "region_weights"):
                break
            images = normalise(batch.images)
            drawn = regions(images, _known(regions, batch), batch.points)
            total: Tensor = run.network.region_weights(images, drawn).sum(dim=0)  # type: ignore[operator]
            weights = total if weights is None else weights + total
            count += len(images)
        assert first is not None
        kept = first.part(slice(faces))
        images = normalise(kept.images)
        maps = _last_maps(run, images[:1], regions, kept, channels) if run.plan.network.heads else None
        parsed, names = _parse(run, images)
        shares = _shares(run, images[:1], regions, kept)
    return Inspection(
        images=kept.images.permute(0, 2, 3, 1).numpy(),
        maps=maps,
        region_weights=None if weights is None else (weights / count).float().numpy(),
        parsed=parsed,
        parsed_names=names,
        **shares,
    )


def moved_source(run: Run, data: Path | None) -> SourcePlan:
    """Return the source of a run's training, at the place where its images are now."""
    plan = run.plan.main
    if plan.kind == "data":
        if data is None and not plan.path.is_dir():
            raise gone(run, plan.path)
        return plan if data is None else replace(plan, path=data)
    if data is not None:
        return replace(plan, root=find_image_root(MaskStore(plan.path), data))
    if not plan.root.is_dir() and not MaskStore(plan.path).has_images:
        raise gone(run, plan.root)
    return plan


def reading_regions(run: Run) -> tuple[RegionSource | None, SampleFields]:
    """Return what draws regions: what does for new images, else what was known in training."""
    if run.regions is not None and run.regions.reads == "regions":
        return run.regions, SampleFields(regions=run.regions.size)
    if run.regions is not None or not run.region_names:
        return run.regions, SampleFields()
    size: tuple[int, int] = run.network.region_size  # type: ignore[assignment]
    return KnownRegions(run.region_names, size), SampleFields(classes=size)


def _known(regions: RegionSource, batch: Batch) -> Tensor | None:
    return batch.regions if regions.reads == "regions" else batch.classes


def _shares(run: Run, image: Tensor, regions: RegionSource | None, batch: Batch) -> dict[str, NDArray[np.float32]]:
    """Return what the regions add to the logits of the first image, of a network that says so."""
    if regions is None or not hasattr(run.network, "shares"):
        return {}
    drawn = regions(image, _known(regions, batch.part(slice(1))), batch.points[:1])
    output = run.network(image, drawn)
    found = {
        "shares": run.network.shares(output.features)[0],  # type: ignore[operator]
        "probabilities": output.logits[0].sigmoid(),
        "regions": drawn[0],
    }
    return {name: np.asarray(values.detach().float().cpu().numpy()) for name, values in found.items()}


def _batches(crops: SampleDataset, rows: NDArray[np.intp], doing: str) -> Iterator[Batch]:
    with tqdm(total=len(rows), unit="image", desc=doing, disable=None) as bar:
        for plan in ValidationSampler(rows, _BATCH):
            yield crops[plan]
            bar.update(len(plan.rows))


def _last_maps(
    run: Run, images: Tensor, regions: RegionSource | None, batch: Batch, channels: int
) -> NDArray[np.float32] | None:
    """Return the last activations of a network that are maps: what its last convolution leaves; None without one."""
    seen: list[Tensor] = []

    def remember(module: nn.Module, given: Any, output: Tensor) -> None:
        if output.dim() == 4:
            seen[:] = [output]

    hooks = [
        module.register_forward_hook(remember) for module in run.network.modules() if isinstance(module, _ACTIVATIONS)
    ]
    try:
        if regions is None:
            run.network(images)
        else:
            one = batch.part(slice(1))
            run.network(images, regions(images, _known(regions, one), one.points))
    finally:
        for hook in hooks:
            hook.remove()
    if not seen:
        return None
    maps = seen[0][0]
    order = maps.mean(dim=(1, 2)).argsort(descending=True)[:channels]
    return np.asarray(maps[order].float().numpy(), np.float32)


def _parse(run: Run, images: Tensor) -> tuple[NDArray[np.float32] | None, tuple[str, ...]]:
    """Return what a run's parser sees, be it the network itself or what draws its regions."""
    if run.class_names:
        scores: Tensor = run.network.parse(images)[0]  # type: ignore[operator]
        return scores.float().softmax(dim=1).numpy(), run.class_names
    if isinstance(run.regions, ParsedRegions):
        return run.regions(images, None, None).numpy(), run.regions.names
    return None, ()
