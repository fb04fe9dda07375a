"""A training, from a recipe and a mask store to a run folder."""

from __future__ import annotations

import csv
import logging
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from wsegs.errors import DataError, OptionError
from wsegs.io.lock import locks_output
from wsegs.nets.sync_batch_norm import share_batch_norm
from wsegs.store import MaskStore
from wsegs.store.images import find_image_root
from wsegs.training.assemble import build_loaders, build_module
from wsegs.training.callbacks import LastStageEarlyStopping, MetricsTable, ProgressBar
from wsegs.training.checkpoints import BestAndLast, PlainCheckpointIO
from wsegs.training.data import check_images, check_labels
from wsegs.training.environment import is_main_process, launched_by_torchrun, torchrun_devices_and_nodes
from wsegs.training.failures import one_line_failures
from wsegs.training.initial_weights import describe_weights
from wsegs.training.precision import memory_format, resolve_precision
from wsegs.training.recipe import Recipe
from wsegs.training.region_inputs import ImageSet, read_inputs
from wsegs.training.run_folder import (
    BEST,
    CURVE,
    LAST,
    METRICS,
    RECIPE,
    TENSORBOARD,
    has_checkpoint,
    remove_unfinished,
)
from wsegs.training.runs import RunInfo, create_run, describe_run, read_checkpoint, read_run
from wsegs.training.schedule import Budget, plan_budget
from wsegs.training.split import Split, split_rows


@dataclass(frozen=True)
class TrainerOptions:
    """Where to train; the first four are Lightning's own options.

    Attributes
    ----------
    accelerator, devices, nodes, strategy
        See the documentation of ``pytorch_lightning.Trainer``.
    workers
        Processes that read images, for each device; None is one a core beside accelerators, which share them, and none
        on a CPU, where they would take the cores that train.
    cache
        Keep decoded crops in a mapped temporary file; None does so if they take up to 2 GiB.
    """

    accelerator: str = "auto"
    devices: str | int = "auto"
    nodes: int = 1
    strategy: str = "auto"
    workers: int | None = None
    cache: bool | None = None


@locks_output(when=lambda: is_main_process())
def train(
    recipe: Recipe,
    store: MaskStore,
    output: Path,
    *,
    data: Path | None = None,
    limit: int | None = None,
    machine: TrainerOptions | None = None,
    resume: bool = False,
    force: bool = False,
) -> dict[str, Any]:
    """Train a network.

    Parameters
    ----------
    recipe
        What to train and how.
    store
        Masks, labels, splits.
    output
        The run folder: ``recipe.yaml``, ``run.json``, ``best.ckpt``, ``last.ckpt``, ``metrics.csv``, ``curve.png``
        and ``tensorboard/``.
    data
        The data set, if it moved since its landmarks were found.
    limit
        At most so many images, of training and of validation each.
    machine
        Where to train.
    resume
        Continue from ``last.ckpt``, or begin again where a run has no checkpoint yet; the losses are those of a
        training that was never disturbed.
    force
        Overwrite a run.

    Returns
    -------
    A JSON-able summary: images, steps, the best checkpoint's scores, seconds, files. Empty in the processes of further
    devices.

    Raises
    ------
    OutputExistsError, OptionError, DataError, MissingError
        Before the training begins, or when an image cannot be read during it.
    KeyboardInterrupt
        After Ctrl-C; ``last.ckpt`` is that of the last complete round.
    """
    machine = machine or TrainerOptions()
    split = split_rows(store, recipe.validation_fraction, limit)
    budget = plan_budget(recipe, len(split.train))
    root = find_image_root(store, data)
    for rows in (split.train, split.validation):
        check_images(store, root, rows)
    if recipe.recognises:
        check_labels(store, split)
    images = ImageSet(store, root, split)
    inputs = read_inputs(recipe, images)
    if inputs.parsing_set is not None:
        other = inputs.parsing_set[0]
        for rows in (other.split.train, other.split.validation):
            check_images(other.store, other.root, rows)
    module = build_module(recipe, budget, images, inputs)
    device = _device_type(machine.accelerator)
    precision = resolve_precision(recipe.precision, device)
    info = describe_run(
        store,
        recipe,
        split.train,
        {
            **_counts(store, split, root),
            "precision": precision,
            **({} if inputs.painted is None else {"painted": inputs.painted}),
            **({} if recipe.start_from is None else {"started_from": describe_weights(recipe.start_from)}),
        },
        class_names=inputs.class_names,
        region_names=inputs.region_names,
        parser=inputs.parser_info,
    )
    checkpoint = None
    if resume:
        checkpoint = _check_resumable(output, recipe, info)
        if checkpoint is not None and recipe.precision == "auto":
            precision = _begun_precision(output, precision, device)
    if checkpoint is None and is_main_process():
        create_run(output, recipe, info, force=force or resume)

    if checkpoint is not None and is_main_process():
        remove_unfinished(output)
    module.to(memory_format=memory_format(precision))
    callbacks: list[Callback] = [
        *(MetricsTable(output / METRICS, recipe, budget), ProgressBar(budget)),
        BestAndLast(output, budget, recipe.early_stopping),
    ]
    if recipe.early_stopping.patience is not None:
        callbacks.append(LastStageEarlyStopping(budget, recipe.early_stopping, recipe.early_stopping.patience))
    started = time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(quiet_lightning())
        trainer = build_trainer(machine, recipe, budget, precision, output, callbacks)
        if trainer.world_size > 1 and device != "cuda":
            share_batch_norm(module.network)
        cores = max(1, (os.cpu_count() or 1) // trainer.num_devices)  # every device has loaders of its own
        workers = (0 if device == "cpu" else cores) if machine.workers is None else machine.workers
        loaders = build_loaders(stack, recipe, budget, images, inputs, module, workers=workers, cache=machine.cache)
        first_step = 0 if checkpoint is None else int(read_checkpoint(checkpoint)["global_step"])
        with one_line_failures():
            trainer.fit(module, datamodule=loaders, ckpt_path=checkpoint, weights_only=True)
    seconds = time.monotonic() - started
    if not trainer.is_global_zero:
        return {}
    from wsegs.reports.plots import plot_learning_curves

    plot_learning_curves(output / METRICS, output / CURVE)
    trained = (trainer.global_step - first_step) * budget.batch_size
    best = next(callback for callback in callbacks if isinstance(callback, BestAndLast)).best
    return {
        "output": str(output),
        "network": recipe.network.name,
        **({"regions": list(inputs.region_names)} if inputs.region_names else {}),
        **({"classes": list(inputs.class_names)} if inputs.class_names else {}),
        "images": {"train": len(split.train), "validation": len(split.validation)},
        "validation_carved_out_of_train": split.carved,
        "without_face": int((store.status[split.train] == 0).sum()),
        "steps": trainer.global_step,
        "epochs": round(trainer.global_step / budget.steps_per_epoch, 3),
        "precision": precision,
        "seconds": round(seconds, 1),
        "images_per_second": round(trained / seconds, 1),
        "best": _scores_at(output / METRICS, int(best["step"])),
        "last": _scores_at(output / METRICS, trainer.global_step),
        "files": {"best": str(output / BEST), "last": str(output / LAST), "curve": str(output / CURVE)},
    }


def build_trainer(
    machine: TrainerOptions, recipe: Recipe, budget: Budget, precision: str, output: Path, callbacks: list[Callback]
) -> Trainer:
    """Return Lightning's trainer for a machine, with these callbacks; ``output`` is the run folder.

    Raises
    ------
    OptionError
        If the machine does not have what is asked for, or its devices cannot share a batch.
    """
    devices, nodes = _shares(machine)

    def build(strategy: str) -> Trainer:
        return Trainer(
            accelerator=machine.accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy=strategy,
            precision=precision,  # type: ignore[arg-type]
            max_epochs=budget.rounds,
            logger=TensorBoardLogger(output, name=TENSORBOARD, version=""),
            callbacks=callbacks,
            num_sanity_val_steps=0,
            log_every_n_steps=budget.log_every,
            use_distributed_sampler=False,  # the order shares batches out itself
            sync_batchnorm=_device_type(machine.accelerator) == "cuda",  # torch's own, which is for GPUs only
            plugins=[PlainCheckpointIO()],
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=output,
        )

    try:
        trainer = build(machine.strategy)
        if trainer.world_size > 1 and machine.strategy in ("auto", "ddp"):
            # A stage without recognition leaves the layers behind the maps without gradients.
            trainer = build("ddp_find_unused_parameters_true")
    # Lightning's own errors on what this machine does not have or cannot do.
    except (ValueError, RuntimeError, TypeError, ImportError, MisconfigurationException) as error:
        raise OptionError(f"--accelerator, --devices, --strategy: {' '.join(str(error).split())}") from None
    _check_torchrun(trainer)
    if budget.batch_size % trainer.world_size:
        raise OptionError(
            f"--batch-size: expected a multiple of the {trainer.world_size} devices, which share a batch,"
            f" got {budget.batch_size}"
        )
    return trainer


def _shares(machine: TrainerOptions) -> tuple[str | int, int]:
    """Return the devices of a machine and the number of machines: torchrun's own where the user leaves them open."""
    if not launched_by_torchrun():
        return machine.devices, machine.nodes
    here, nodes = torchrun_devices_and_nodes()
    return here if machine.devices == "auto" else machine.devices, nodes if machine.nodes == 1 else machine.nodes


def _check_torchrun(trainer: Trainer) -> None:
    started = torchrun_devices_and_nodes() if launched_by_torchrun() else None
    if started is not None and started != (trainer.num_devices, trainer.num_nodes):
        raise OptionError(
            f"--devices, --nodes: torchrun started {started[0]} processes on each of {started[1]} machines, and"
            f" {trainer.num_devices} and {trainer.num_nodes} were asked for; torchrun's numbers are taken without them"
        )


def _check_resumable(output: Path, recipe: Recipe, info: RunInfo) -> Path | None:
    """Return the checkpoint to resume from if the run is the same training; None if it has none yet."""
    old_recipe, old = read_run(output)
    ours, theirs = recipe.as_fields(), old_recipe.as_fields()
    for field, value in ours.items():
        if value != theirs[field]:
            raise OptionError(
                f"--resume: {output / RECIPE} says {field}: {theirs[field]}, and now it is {value};"
                " a run is resumed with the options that it was begun with"
            )
    for key in ("rules", "images"):
        before, now = old.provenance.get(key), info.provenance[key]
        if before != now:
            raise DataError(f"--resume: {output} was trained on other {key}: expected {before}, got {now}")
    if old.attribute_names != info.attribute_names:
        raise DataError(f"--resume: {output} was trained on other attributes than the mask store has")
    if not has_checkpoint(output):
        return None  # it was ended before its first
    checkpoint = output / LAST
    read_checkpoint(checkpoint)
    return checkpoint


def _begun_precision(output: Path, precision: str, device: str) -> str:
    """Return the precision that a run was begun with, which another machine might not choose, where it can be had."""
    begun = str(read_run(output)[1].provenance.get("precision", precision))
    return precision if begun == "16-mixed" and device != "cuda" else begun


def _counts(store: MaskStore, split: Split, root: Path) -> dict[str, Any]:
    return {
        "images": {"train": len(split.train), "validation": len(split.validation)},
        "validation_carved_out_of_train": split.carved,
        "without_face": int((store.status[split.train] == 0).sum()),
        "root": str(root),
    }


def _device_type(accelerator: str) -> str:
    if accelerator in ("auto", "gpu"):
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    return accelerator


def _scores_at(table: Path, step: int) -> dict[str, float | None]:
    """Return the row of a step in ``metrics.csv``; None where a score is not defined on the validation images."""
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if int(row["step"]) == step:
                return {name: None if value == "nan" else float(value) for name, value in row.items() if value}
    return {}


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning to errors: it advertises, lists devices, and advises on what was decided on purpose."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Few workers are right where the processor trains too (see TrainerOptions).
            warnings.filterwarnings("ignore", message=".*does not have many workers")
            # The parser that draws regions is frozen.
            warnings.filterwarnings("ignore", message=".*in eval mode at the start of training")
            # Lightning's own use of torch.
            warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\)")
            # What is logged is alike in all processes already.
            warnings.filterwarnings("ignore", message=".*when logging on epoch level in distributed setting")
            # The events of TensorBoard and the table of a resumed run lie in its folder already.
            warnings.filterwarnings("ignore", message=".*exists and is not empty")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
