"""The loaders of a training, and where its images are."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader

from wsegs.errors import DataError
from wsegs.store import MaskStore
from wsegs.training.dataset import Batch, FaceCrops, start_worker
from wsegs.training.sampler import TrainingOrder, ValidationOrder
from wsegs.training.schedule import Budget
from wsegs.training.split import Split


class FaceData(LightningDataModule):
    """The loaders of a training.

    Parameters
    ----------
    crops
        The data set.
    split
        Its rows.
    budget
        Batch size and lengths of rounds.
    seed, flips
        See :class:`wsegs.training.sampler.TrainingOrder`.
    workers
        Processes that read; 0 reads in the training process.
    start_method
        ``fork`` or ``spawn``; None is the platform's own.
    parsing
        The loaders of a second data set that has the class maps, with a plan of as many steps; None where there is
        none. Batches of both come together in training, and one after the other in validation.
    """

    def __init__(
        self,
        crops: FaceCrops,
        split: Split,
        budget: Budget,
        *,
        seed: int,
        flips: bool,
        workers: int = 0,
        start_method: Literal["fork", "spawn"] | None = None,
        parsing: FaceData | None = None,
    ) -> None:
        super().__init__()
        self._dataset = crops
        self._split = split
        self._budget = budget
        self._seed = seed
        self._flips = flips
        self._workers = workers
        self._start_method = start_method
        self._parsing = parsing

    def train_dataloader(self) -> Any:
        """Return the loader of one round, or those of both data sets by name."""
        if self._parsing is None:
            return self._train_loader()
        self._parsing.trainer = self.trainer
        return {"attributes": self._train_loader(), "parsing": self._parsing._train_loader()}

    def val_dataloader(self) -> Any:
        """Return the loader of the validation images, or a list of those of both data sets."""
        if self._parsing is None:
            return self._validation_loader()
        self._parsing.trainer = self.trainer
        return [self._validation_loader(), self._parsing._validation_loader()]

    def _train_loader(self) -> DataLoader[Batch]:
        rank, devices = self._place()
        order = TrainingOrder(
            self._split.train, self._budget, seed=self._seed, flips=self._flips, rank=rank, devices=devices
        )
        if self.trainer is not None:
            # Readers begin with a round as soon as they are there, and Lightning tells a resumed one's number later.
            order.set_epoch(self.trainer.global_step // self._budget.round_length)
        return self._loader(order)

    def _validation_loader(self) -> DataLoader[Batch]:
        rank, devices = self._place()
        batch_size = max(1, self._budget.batch_size // devices)
        return self._loader(ValidationOrder(self._split.validation, batch_size, rank=rank, devices=devices))

    def _place(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)

    def _loader(self, order: TrainingOrder | ValidationOrder) -> DataLoader[Batch]:
        if not self._workers:
            start_worker(0)
        return DataLoader(
            self._dataset,
            sampler=order,
            batch_size=None,  # the order yields whole batches, so that one read serves a batch
            num_workers=self._workers,
            worker_init_fn=start_worker if self._workers else None,
            multiprocessing_context=self._start_method if self._workers else None,
            persistent_workers=self._workers > 0,
            pin_memory=torch.cuda.is_available(),
        )


def check_images(store: MaskStore, root: Path, rows: NDArray[np.intp]) -> None:
    """Check that every row has its image: in the store if it keeps images, else below ``root``, by name.

    Raises
    ------
    DataError
        If one has none; the message names the first and counts them.
    """
    if store.has_images:
        without = rows[store.crop_bytes[rows] == 0]
        if len(without):
            raise DataError(
                f"{store.path}: has no image of '{store.images[without[0]]}', which could not be read when the store"
                f" was made ({len(without)} of {len(rows)} images are missing)"
            )
        return
    folders: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        folder, _, name = store.images[row].rpartition("/")
        folders[folder].append(name)
    missing: list[str] = []
    for folder, names in folders.items():
        there = set(os.listdir(root / folder)) if (root / folder).is_dir() else set()  # noqa: PTH208 (names alone)
        missing += [f"{folder}/{name}".lstrip("/") for name in names if name not in there]
    if missing:
        raise DataError(
            f"{store.path}: does not match its images: '{min(missing)}' is not in {root}"
            f" ({len(missing)} of {len(rows)} images are missing); --data names another data set"
        )


def check_labels(store: MaskStore, split: Split) -> None:
    """Check that there is something to learn, and something to measure it by.

    Raises
    ------
    DataError
        If no label of the training images is known, or none of the validation images.
    """
    for rows, use in ((split.train, "to train on"), (split.validation, "to validate on")):
        if not (store.attributes[rows] >= 0).any():
            raise DataError(
                f"{store.path}: expected attributes of the {len(rows)} images {use}, none of them has a known label;"
                " masks are made from the labels of landmarks.h5, and wsegs landmarks reads them from the data set"
            )


def one_line(error: Exception) -> str:
    """Return the message of an error that a worker raised without the traceback that torch wraps about it."""
    text = str(error.args[0]) if len(error.args) == 1 else str(error)  # WsegsError's own str() has no line ends
    lines = text.strip().splitlines() or [type(error).__name__]
    if not lines[0].startswith("Caught "):
        return str(error)
    return lines[-1].partition(": ")[2] or lines[-1]
