"""Read the features of images by row: what the network of a plan says of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from wsegs.errors import DataError
from wsegs.features.build import Rows
from wsegs.features.format import MEAN_FACE, MIRRORED, OWN, UNREADABLE
from wsegs.io.images import reason
from wsegs.io.processes.allocator import keep_freed_memory
from wsegs.nets.images import normalise
from wsegs.nets.layers.feature_layout import FeatureLayout
from wsegs.nets.layers.heads import Heads
from wsegs.nets.layers.linear_on_regions import LinearOnRegions
from wsegs.nets.layers.region_sources import RegionSource
from wsegs.tasks.batch import Batch, SampleFields
from wsegs.training.plan import TrainingPlan
from wsegs.training.regions import build_regions, fields_of_regions
from wsegs.training.samples.loaders import open_source, sample_loader
from wsegs.training.samples.readers import one_line_reader_failures
from wsegs.training.samples.sources import SampleSource
from wsegs.training.weights import load_part, load_trunks, read_checkpoint, seeded_network

_BATCH = 4  # images that a process computes at a time on a CPU: more of them leave its cache
_LARGEST = 65504.0  # of float16


def layout_of(network: nn.Module) -> FeatureLayout:
    """Return the order of a network's features: by region, or one block of those that its heads read."""
    if isinstance(network, LinearOnRegions):
        return network.layout
    assert isinstance(network.heads, Heads)
    return FeatureLayout((), ((1, network.heads.feature_size),))


def load_network(plan: TrainingPlan, checkpoint: Path | None) -> tuple[nn.Module, RegionSource | None]:
    """Return the network whose features are read, and what draws the regions that it reads; both to evaluate.

    Parameters
    ----------
    plan
        Of a training.
    checkpoint
        Of the trained network; None is the network as the training begins with it.
    """
    network = seeded_network(plan)
    if checkpoint is None:
        load_trunks(network, plan)
        drawn, known = build_regions(plan, network)
    else:
        weights = read_checkpoint(checkpoint)["state_dict"]
        load_part(network, weights, "network", checkpoint)
        drawn, known = build_regions(plan, network, weights=False)
        if drawn is not None:
            load_part(drawn, weights, "regions", checkpoint)
    regions = known or drawn
    return network.requires_grad_(False).eval(), None if regions is None else regions.eval()


class ReadImages(NamedTuple):
    """Images of some rows: those that can be read, which of the rows they are, and what could not be read."""

    batch: Batch | None
    read: NDArray[np.bool_]
    unreadable: tuple[str, ...]


def read_images(
    source: SampleSource, fields: SampleFields, rows: NDArray[np.intp], usable: NDArray[np.bool_]
) -> ReadImages:
    """Read some rows; an image that cannot be read, or has no crop (is not in ``usable``, (N,)), is no obstacle."""
    if usable[rows].all():
        try:
            return ReadImages(source.read(rows, fields), np.ones(len(rows), bool), ())
        except DataError:
            pass  # one by one, then
    read, unreadable = np.zeros(len(rows), bool), []
    for position, row in enumerate(rows):
        if not usable[row]:
            unreadable.append(f"{source.labelled.images[row]}: no face was found, so there is no crop about it")
            continue
        try:
            source.read([row], fields)
            read[position] = True
        except DataError as error:
            name = source.labelled.images[row]
            unreadable.append(f"{name}: {reason(error, Path(name))}")
    batch = source.read(rows[read], fields) if read.any() else None
    return ReadImages(batch, read, tuple(unreadable))


class FeatureReader:
    """Reads features by row; pickles as its plan, and opens images and network once a process.

    Parameters
    ----------
    plan
        Of a training whose network reads features by region, or has heads.
    mirrored
        Read the mirrored images, too.
    checkpoint
        See :func:`load_network`.
    """

    def __init__(self, plan: TrainingPlan, *, mirrored: bool = False, checkpoint: Path | None = None) -> None:
        self._plan = plan
        self._mirrored = mirrored
        self._checkpoint = checkpoint
        self._loaded: _Loaded | None = None

    def __reduce__(self) -> Any:
        return _reader_of_process, (self._plan, self._mirrored, self._checkpoint)

    def __len__(self) -> int:
        return len(self._parts().images)

    def read(self, rows: NDArray[np.intp]) -> Rows:
        """Return the features of some images."""
        torch.set_num_threads(1)  # there is a process for each core
        keep_freed_memory()
        return self._features(self._parts().images.read(rows), torch.device("cpu"))

    def stream(self, parts: Sequence[NDArray[np.intp]], jobs: int) -> Iterator[Rows] | None:
        """Yield features from a GPU, to which ``jobs`` processes bring images; None without one."""
        if not torch.cuda.is_available() or getattr(self._parts().network, "reads_on_cpu", False):
            return None
        return self._from_gpu(parts, jobs)

    def _from_gpu(self, parts: Sequence[NDArray[np.intp]], jobs: int) -> Iterator[Rows]:
        workers = torch.multiprocessing.cpu_count() if jobs == -1 else jobs
        loader = sample_loader(self._parts().images, parts, workers, collate_fn=_as_it_is)  # type: ignore[arg-type]
        with one_line_reader_failures():
            for images in loader:
                yield self._features(images, torch.device("cuda"))

    def _parts(self) -> _Loaded:
        if self._loaded is None:
            network, regions = load_network(self._plan, self._checkpoint)
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            opened, _, source = open_source(self._plan.main, self._plan.network.size)
            fields = fields_of_regions(self._plan, network)
            self._loaded = _Loaded(network, regions, _Images(source, fields, opened.usable))
        return self._loaded

    def _features(self, images: ReadImages, device: torch.device) -> Rows:
        network, regions, _ = self._parts()
        network.to(device)
        layout = layout_of(network)
        if regions is not None:
            regions.to(device)
        shapes = {stride: (len(layout.rows), channels) for stride, channels in layout.blocks}
        kinds = ("", f"{MIRRORED}/") if self._mirrored else ("",)
        blocks = {
            f"{kind}s{stride}": np.full((len(images.read), *shape), np.nan, np.float16)
            for kind in kinds
            for stride, shape in shapes.items()
        }
        status = np.full(len(images.read), UNREADABLE, np.uint8)
        if images.batch is not None:
            found = np.flatnonzero(images.read)
            status[found] = np.where(images.batch.has_face.numpy() | (regions is None), OWN, MEAN_FACE)
            step = _BATCH if device.type == "cpu" else len(found)
            with torch.inference_mode():
                for first in range(0, len(found), step):
                    here = slice(first, first + step)
                    for name, block in _read(network, regions, images.batch.part(here), device, kinds).items():
                        blocks[name][found[here]] = block
        return Rows(blocks, status, images.unreadable)


def _read(
    network: nn.Module, regions: RegionSource | None, batch: Batch, device: torch.device, kinds: Sequence[str]
) -> dict[str, NDArray[np.float16]]:
    images = normalise(batch.images.to(device)).contiguous(memory_format=torch.channels_last)
    drawn = None
    if regions is not None:
        known = batch.regions if regions.reads == "regions" else batch.classes
        drawn = regions(images, None if known is None else known.to(device), batch.points.to(device))
    found = {}
    for kind in kinds:
        if kind:
            images, drawn = images.flip(-1), None if drawn is None else drawn.flip(-1)
        for stride, block in _blocks(network, images, drawn).items():
            found[f"{kind}s{stride}"] = _half(block)
    return found


def _blocks(network: nn.Module, images: Tensor, drawn: Tensor | None) -> dict[int, Tensor]:
    """Return features (B, R + 1, C) by stride; those of a network without regions are one row of stride 1."""
    if isinstance(network, LinearOnRegions):
        assert drawn is not None
        return network.read(images, drawn)
    output = network(images) if drawn is None else network(images, drawn)
    assert output.features is not None
    return {1: output.features[:, None]}


def _half(block: Tensor) -> NDArray[np.float16]:
    return np.asarray(block.clamp(-_LARGEST, _LARGEST).half().cpu().numpy())


class _Images(Dataset[ReadImages]):
    """Images by the rows that a sampler yields."""

    def __init__(self, source: SampleSource, fields: SampleFields, usable: NDArray[np.bool_]) -> None:
        self._source = source
        self._fields = fields
        self._usable = usable

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, rows: NDArray[np.intp]) -> ReadImages:
        return self.read(rows)

    def read(self, rows: NDArray[np.intp]) -> ReadImages:
        """Return some images."""
        return read_images(self._source, self._fields, rows, self._usable)


class _Loaded(NamedTuple):
    """What a process keeps."""

    network: nn.Module
    regions: RegionSource | None
    images: _Images


def _as_it_is(images: Any) -> Any:
    return images


_readers: dict[str, FeatureReader] = {}


def _reader_of_process(plan: TrainingPlan, mirrored: bool, checkpoint: Path | None) -> FeatureReader:
    """Return the reader of a plan that this process has already, or a new one: its network is loaded once."""
    changed = None if checkpoint is None else checkpoint.stat().st_mtime_ns
    key = hashlib.sha256(repr((plan, mirrored, checkpoint, changed)).encode()).hexdigest()
    if key not in _readers:
        _readers.clear()  # one at a time is kept
        _readers[key] = FeatureReader(plan, mirrored=mirrored, checkpoint=checkpoint)
    return _readers[key]
