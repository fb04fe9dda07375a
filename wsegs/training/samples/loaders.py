"""The loaders of a training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import torch
from torch.utils.data import DataLoader

from wsegs.tasks.batch import Batch
from wsegs.training.plan import SourcePlan, TrainingPlan
from wsegs.training.samples.class_maps import open_class_maps
from wsegs.training.samples.data_source import DataSource
from wsegs.training.samples.opening import OpenSource, OpenStore, open_planned, rows_of_plan
from wsegs.training.samples.readers import check_shared_memory, seconds_of_silence, start_reader
from wsegs.training.samples.sampler import TrainingSampler, ValidationSampler
from wsegs.training.samples.sources import SampleDataset, SampleSource
from wsegs.training.samples.split import Split
from wsegs.training.samples.store_source import MovedMasks, StoreSource

Batches = DataLoader[Batch]


def open_source(
    plan: SourcePlan, size: tuple[int, int], moved_masks: MovedMasks = "warped"
) -> tuple[OpenSource, Split, SampleSource]:
    """Open a planned source; ``moved_masks`` says how the regions of moved crops are made.

    Returns
    -------
    What is opened, the rows that are trained on and validated on, and the samples, cropped to ``size`` (H, W), or
    patches of this size.
    """
    patch = size if plan.ten_crops else None
    size = plan.frame.size if plan.ten_crops else size
    opened = open_planned(plan, size)
    rows = rows_of_plan(plan, opened)
    maps = None if plan.class_maps is None else open_class_maps(plan.class_maps, opened.labelled, opened.name)
    source = (
        StoreSource(opened, size, maps, moved_masks)
        if isinstance(opened, OpenStore)
        else DataSource(opened, size, maps, patch)
    )
    return opened, rows, source


class Loaders:
    """Loaders of each source of a training, of one device's part of the mini-batches.

    Parameters
    ----------
    plan
        Batch sizes, interval, seed.
    datasets, rows
        Of each source.
    workers
        Processes that read; 0 reads in the training process.
    start_method
        ``fork`` or ``spawn``; None is the platform's own.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        datasets: Sequence[SampleDataset],
        rows: Sequence[Split],
        *,
        workers: int = 0,
        start_method: Literal["fork", "spawn"] | None = None,
    ) -> None:
        self._plan = plan
        self._datasets = datasets
        self._rows = rows
        self._workers = workers
        self._start_method = start_method

    def training(self, rank: int = 0, devices: int = 1, interval: int = 0) -> Batches | list[Batches]:
        """Return the loader of a validation interval, or a list of one for each source.

        Readers begin with an interval as soon as they are there, and Lightning tells a resumed one's number later: so
        ``interval`` says it.
        """
        loaders = []
        for source, dataset, rows in zip(self._plan.sources, self._datasets, self._rows, strict=True):
            sampler = TrainingSampler(
                rows.train,
                source.batch_size,
                self._plan.validation_interval,
                seed=self._plan.seed,
                flips=self._plan.flips,
                rank=rank,
                devices=devices,
                patches=source.ten_crops,
                people=dataset.source.labelled.identity[rows.train],
                together=source.together,
                ranges=self._plan.moves.ranges,
            )
            sampler.set_epoch(interval)
            loaders.append(self._loader(dataset, sampler))
        return loaders[0] if len(loaders) == 1 else loaders

    def validation(self, rank: int = 0, devices: int = 1) -> Batches | list[Batches]:
        """Return the loader of the validation images, or a list of one for each source."""
        loaders = []
        for source, dataset, rows in zip(self._plan.sources, self._datasets, self._rows, strict=True):
            batch_size = max(1, source.batch_size // devices)
            sampler = ValidationSampler(rows.validation, batch_size, rank=rank, devices=devices)
            loaders.append(self._loader(dataset, sampler))
        return loaders[0] if len(loaders) == 1 else loaders

    def _loader(self, dataset: SampleDataset, sampler: TrainingSampler | ValidationSampler) -> Batches:
        return sample_loader(
            dataset, sampler, self._workers, start_method=self._start_method, persistent=self._workers > 0
        )


def sample_loader(
    dataset: Any,
    sampler: TrainingSampler | ValidationSampler,
    workers: int,
    *,
    start_method: Literal["fork", "spawn"] | None = None,
    persistent: bool = False,
    **options: Any,
) -> DataLoader[Any]:
    """Return a loader whose sampler yields whole mini-batches, so that one read serves a mini-batch.

    Read from it within :func:`wsegs.training.samples.readers.one_line_reader_failures`.
    """
    if workers:
        check_shared_memory()
    else:
        cv2.setNumThreads(0)
    return DataLoader(
        dataset,
        sampler=sampler,
        batch_size=None,
        num_workers=workers,
        worker_init_fn=start_reader if workers else None,
        timeout=seconds_of_silence() if workers else 0,
        multiprocessing_context=start_method if workers else None,
        persistent_workers=persistent,
        pin_memory=torch.cuda.is_available(),
        **options,
    )


def keep_if_small(source: SampleSource, dataset: SampleDataset, folder: Path, cache: bool | None) -> None:
    """Keep decoded rows in a folder of temporary files; ``cache`` None does so where they take up to 2 GiB."""
    wanted = cache if cache is not None else len(source) * source.bytes_a_row(dataset.fields) <= _CACHE_BYTES
    if wanted:
        folder.mkdir()
        source.keep_rows(folder, dataset.fields)


_CACHE_BYTES = 2 << 30
