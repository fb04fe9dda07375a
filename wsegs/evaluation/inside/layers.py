"""Read what the layers of a network say of images that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from wsegs.errors import DataError
from wsegs.evaluation.inspect import moved_source, reading_regions
from wsegs.evaluation.runs import Run
from wsegs.nets.anet import ANet
from wsegs.nets.images import normalise
from wsegs.tasks.batch import Batch, SampleFields
from wsegs.training.run_folder import TRAINED
from wsegs.training.samples.loaders import open_source
from wsegs.training.samples.opening import OpenSource
from wsegs.training.samples.record import read_record
from wsegs.training.samples.sampler import ValidationSampler

_BATCH = 64
_FEW = 100  # images below which those of the training are taken, too
FEATURES = "features"
"""Name of the layer that the heads read."""


@dataclass(frozen=True, eq=False)
class LayerResponses:
    """What layers of a network say of N images.

    Attributes
    ----------
    images
        uint8 (N, h, w, 3): what the network reads.
    crops
        uint8 (N, H, W, 3): what it is given; an ANet with a border reads their middle.
    layers
        Name -> float32 (N, F). The last one is what the heads read, :data:`FEATURES`; an ANet has ``third`` and
        ``fourth``, its convolutions, before it.
    attribute_names, labels, identity
        A names, int8 (N, A) and int (N,), of the data set; -1 unknown.
    trained
        How many of the images the network was trained on: none where there are enough others.
    """

    images: NDArray[np.uint8]
    crops: NDArray[np.uint8]
    layers: dict[str, NDArray[np.float32]]
    attribute_names: tuple[str, ...]
    labels: NDArray[np.int8]
    identity: NDArray[np.int32]
    trained: int

    @property
    def features(self) -> NDArray[np.float32]:
        """What the heads read, (N, F)."""
        return self.layers[FEATURES]


def read_layers(run: Run, *, data: Path | None = None, limit: int = 1000) -> LayerResponses | None:
    """Return what the layers of a run say of images of its data set; None of a network without hidden features.

    Images of the test split are not read.

    Parameters
    ----------
    run
        Any run.
    data
        The data set, if it has moved.
    limit
        Of the images, a sample.

    Raises
    ------
    MissingError, DataError
        If the mask store of the training, or its images, are no longer there.
    """
    opened, split, source = open_source(moved_source(run, data), run.size)
    rows, trained = _rows(run, opened, np.concatenate([split.train, split.validation]), limit)
    regions, fields = reading_regions(run)
    found: dict[str, list[Tensor]] = {}
    images, crops = [], []
    with tqdm(total=len(rows), unit="image", desc="layers", disable=None) as bar, torch.inference_mode():
        for plan in ValidationSampler(rows, _BATCH):
            batch = source.read(plan.rows, fields)
            of_batch = _layers(run, batch, fields, regions)
            if not of_batch:
                return None
            for name, values in of_batch.items():
                found.setdefault(name, []).append(values.flatten(1).float().cpu())
            seen = run.network.middle(batch.images) if isinstance(run.network, ANet) else batch.images
            images.append(seen.permute(0, 2, 3, 1).numpy())
            crops.append(batch.images.permute(0, 2, 3, 1).numpy())
            bar.update(len(plan.rows))
    return LayerResponses(
        images=np.concatenate(images),
        crops=np.concatenate(crops),
        layers={name: torch.cat(values).numpy() for name, values in found.items()},
        attribute_names=tuple(opened.labelled.attribute_names),
        labels=opened.labelled.attributes[rows],
        identity=opened.labelled.identity[rows],
        trained=trained,
    )


def _rows(run: Run, opened: OpenSource, planned: NDArray[np.intp], limit: int) -> tuple[NDArray[np.intp], int]:
    """Return the rows to read, and how many of them the run was trained on."""
    seen = read_record(run.path / TRAINED)
    names = opened.labelled.images
    usable = np.flatnonzero(opened.usable & (opened.labelled.split != 2))
    others = np.array([row for row in usable if names[row] not in seen], np.intp)
    trained = np.array([row for row in planned if names[row] in seen], np.intp)
    if len(others) + len(trained) < 2:
        raise DataError(f"{opened.name}: expected images of the run {run.path}, got {len(others) + len(trained)}")
    order = np.random.default_rng(0)
    rows = order.permutation(others)[:limit]
    more = order.permutation(trained)[: max(0, min(_FEW, limit) - len(rows))]
    return np.sort(np.concatenate([rows, more])), len(more)


def _layers(run: Run, batch: Batch, fields: SampleFields, regions: object) -> dict[str, Tensor]:
    """Return the layers of a network, (B, ...) by name; empty where it has no hidden features."""
    images = normalise(batch.images)
    network = run.network
    if isinstance(network, ANet):
        layers = network.layers(network.middle(images))
        return {"third": layers["third"], "fourth": layers["fourth"], FEATURES: layers["full"]}
    if regions is None:
        output = network(images)
    else:
        known = batch.regions if fields.regions is not None else batch.classes
        output = network(images, regions(images, known, batch.points))  # type: ignore[operator]
    return {} if output.features is None else {FEATURES: output.features}
