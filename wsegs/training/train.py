"""A training, from a recipe to a run folder."""

from __future__ import annotations

import csv
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback
from torch import nn

from wsegs.errors import DataError, OptionError
from wsegs.io.lock import locks_output
from wsegs.nets.layers.sync_batch_norm import share_batch_norm
from wsegs.store import MaskStore
from wsegs.tasks import build_task
from wsegs.tasks.batch import SampleFields
from wsegs.tasks.task import Task
from wsegs.training.distributed import is_main_process
from wsegs.training.fitting.after_training import fit_trained
from wsegs.training.learning_curves import plot_learning_curves
from wsegs.training.lightning.callbacks import LastStageEarlyStopping, MetricsTable, Progress
from wsegs.training.lightning.checkpoints import BestAndLast
from wsegs.training.lightning.failures import one_line_failures
from wsegs.training.lightning.module import TrainingModule
from wsegs.training.lightning.step_table import StepTable
from wsegs.training.lightning.trainer import TrainerOptions, build_trainer, quiet_lightning
from wsegs.training.parser_overlap import parser_overlap
from wsegs.training.plan import ClassMapPlan, SourcePlan, TrainingPlan, plan_fields
from wsegs.training.precision import describe_device, memory_format, resolve_precision
from wsegs.training.recipe import Recipe
from wsegs.training.regions import build_regions, fields_of_regions
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.run_folder import (
    BEST,
    CURVE,
    LAST,
    METRICS,
    PLAN,
    STEPS,
    has_checkpoint,
    remove_unfinished,
)
from wsegs.training.runs import RunInfo, add_duration, create_run, describe_run, read_run
from wsegs.training.samples.loaders import Loaders, keep_if_small, open_source
from wsegs.training.samples.opening import OpenSource, OpenStore
from wsegs.training.samples.record import Recorded, differences
from wsegs.training.samples.sources import SampleDataset
from wsegs.training.samples.split import Split
from wsegs.training.weights import describe_weights, load_trunks, read_checkpoint, seeded_network


@locks_output(when=lambda: is_main_process())
def train(
    recipe: Recipe,
    masks: MaskStore | Path | str | None,
    output: Path | str,
    *,
    data: Path | str | None = None,
    plan: TrainingPlan | None = None,
    limit: int | None = None,
    options: TrainerOptions | None = None,
    resume: bool = False,
    force: bool = False,
) -> dict[str, Any]:
    """Train a network.

    Parameters
    ----------
    recipe
        What to train and how.
    masks
        The mask store; None takes samples from the data set, where no task needs masks.
    output
        The run folder: ``recipe.yaml``, ``plan.json``, ``run.json``, ``training_images.csv``, ``best.ckpt``,
        ``last.ckpt``, ``metrics.csv``, ``steps.csv`` where a task has something to say of each step, ``curve.png`` and
        ``tensorboard/``.
    data
        The data set; of a mask store, if it moved since its landmarks were found.
    plan
        What the recipe was resolved to already, so that the data are not read again; ``masks``, ``data`` and ``limit``
        are part of it. None resolves it here.
    limit
        A sample of so many images, spread over the splits.
    options
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
        After Ctrl-C; ``last.ckpt`` is that of the last complete validation interval.
    """
    output = Path(output)
    options = options or TrainerOptions()
    plan = plan or resolve(recipe, _overrides(masks, data, limit))

    sources = [open_source(source, plan.network.size, plan.moves.moved_masks) for source in plan.sources]
    main, rows, _ = sources[0]
    recorded = [Recorded(opened, used, source.class_maps) for opened, used, source in sources]
    network = seeded_network(plan)
    load_trunks(network, plan)
    regions, known_regions = build_regions(plan, network)
    tasks = _build_tasks(plan, network, sources)

    precision = resolve_precision(plan.precision, options.device_type)
    overlap = parser_overlap(plan, main)
    about = {**describe_weights(plan), **overlap, **_further(recorded)}
    info = describe_run(plan, main, rows, precision=precision, **about)
    checkpoint = _check_resumable(output, plan, info, recorded) if resume else None
    if checkpoint is not None:
        precision = _begun_precision(output, precision, options.device_type)
    if is_main_process():
        if checkpoint is None:
            create_run(output, recipe, plan, info, recorded, force=force or resume)
        else:
            remove_unfinished(output)

    best = BestAndLast(output, plan)
    callbacks: list[Callback] = [MetricsTable(output / METRICS, plan), StepTable(output / STEPS), Progress(plan), best]
    if plan.monitor.patience:
        callbacks.append(LastStageEarlyStopping(plan))
    started = time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(quiet_lightning())
        trainer = build_trainer(options, plan, precision, output, callbacks)
        if trainer.world_size > 1 and options.device_type != "cuda":
            share_batch_norm(network)
        kept = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wsegs-crops-")))
        loaders = _build_loaders(plan, network, tasks, sources, _workers(options, trainer.num_devices), kept, options)
        module = TrainingModule(plan, network, tasks, loaders, regions, known_regions)
        module.to(memory_format=memory_format(precision))
        first_step = 0 if checkpoint is None else int(read_checkpoint(checkpoint)["global_step"])
        try:
            with one_line_failures():
                trainer.fit(module, ckpt_path=checkpoint, weights_only=True)
        finally:
            if is_main_process() and output.is_dir():
                with suppress(OSError):  # a full disk, which the training itself reports
                    add_duration(output, time.monotonic() - started, describe_device(options.device_type))
    if not trainer.is_global_zero:
        return {}
    plot_learning_curves(output / METRICS, output / CURVE)
    trained, seconds = trainer.global_step - first_step, time.monotonic() - started
    summary = _summary(plan, info, output, precision, trained, seconds, int(best.best["step"]))
    if plan.fit is not None and plan.fit.features == "trained":
        jobs = -1 if options.workers is None else max(1, options.workers)
        summary["fit"] = fit_trained(plan, main, rows, output, jobs=jobs)
    return summary


def _overrides(masks: MaskStore | Path | str | None, data: Path | str | None, limit: int | None) -> Overrides:
    path = masks.path if isinstance(masks, MaskStore) else None if masks is None else Path(masks)
    return Overrides(masks=path, data=None if data is None else Path(data), limit=limit)


def _build_tasks(plan: TrainingPlan, network: nn.Module, sources: list[tuple[OpenSource, Split, Any]]) -> list[Task]:
    tasks = []
    for task in plan.tasks:
        built = build_task(task.kind, task.name, task.outputs, task.options)
        opened, rows, _ = sources[task.source]
        built.attach(network)
        built.begin(opened.labelled, rows.train)
        tasks.append(built)
    return tasks


def _build_loaders(
    plan: TrainingPlan,
    network: nn.Module,
    tasks: list[Task],
    sources: list[tuple[OpenSource, Split, Any]],
    workers: int,
    folder: Path,
    options: TrainerOptions,
) -> Loaders:
    datasets = []
    for number, (_, _, source) in enumerate(sources):
        own = [task for task, planned in zip(tasks, plan.tasks, strict=True) if planned.source == number]
        fields = reduce(or_, (task.fields(network, plan.network.size) for task in own), SampleFields())
        if number == 0:
            fields |= fields_of_regions(plan, network)
        dataset = SampleDataset(source, fields)
        keep_if_small(source, dataset, folder / str(number), options.cache)
        datasets.append(dataset)
    return Loaders(plan, datasets, [rows for _, rows, _ in sources], workers=workers)


def _workers(options: TrainerOptions, devices: int) -> int:
    if options.workers is not None:
        return options.workers
    cores = max(1, (os.cpu_count() or 1) // devices)  # every device has loaders of its own
    return 0 if options.device_type == "cpu" else cores


def _further(sources: Sequence[Recorded]) -> dict[str, Any]:
    """Return what sources beside the main one are, by which a resumed run knows them."""
    further = [
        {
            "images": {"train": len(each.rows.train), "validation": len(each.rows.validation)},
            "rules": each.source.labelled.rules.sha256 if isinstance(each.source, OpenStore) else None,
        }
        for each in sources[1:]
    ]
    return {"further": further} if further else {}


def _check_resumable(output: Path, plan: TrainingPlan, info: RunInfo, sources: Sequence[Recorded]) -> Path | None:
    """Return the checkpoint to resume from if the run is the same training; None if it has none yet."""
    earlier, old = read_run(output)
    other = differences(output, sources)
    if other:
        raise DataError(
            f"--resume: {output} was begun on other data; its images differ: {'; '.join(other)};"
            " -o begins another run, --force this one anew"
        )
    for key in ("rules", "images", "further"):
        before, now = old.provenance.get(key), info.provenance.get(key)
        if before != now and not (key == "further" and before is None):  # older runs do not have it
            raise DataError(f"--resume: {output} was trained on other {key}: expected {before}, got {now}")
    ours, theirs = plan_fields(plan), plan_fields(earlier)
    for field, value in ours.items():
        if field == "sources":
            continue  # their images and rules were compared; they may have moved
        before = theirs[field]
        if field == "network" and value != before:
            field, value, before = next((f"network.{k}", v, before[k]) for k, v in value.items() if v != before[k])
        if value != before:
            raise OptionError(
                f"--resume: {output / PLAN} says {field}: {before}, and now it is {value};"
                " a run is resumed with the options that it was begun with"
            )
    for ours_, theirs_ in zip(plan.sources, earlier.sources, strict=True):
        for field in ("batch_size", "mirror", "class_maps", "together"):
            before, value = (_compared(each, field) for each in (theirs_, ours_))
            if value != before:
                raise OptionError(
                    f"--resume: {output / PLAN} says {field}: {before}, and now it is {value};"
                    " a run is resumed with the options that it was begun with"
                )
    if not has_checkpoint(output):
        return None  # it was ended before its first
    checkpoint = output / LAST
    read_checkpoint(checkpoint)
    return checkpoint


def _compared(source: SourcePlan, field: str) -> Any:
    """Return a field of a source; of class maps all but where they lie, since they may have moved."""
    value = getattr(source, field)
    return replace(value, folder="", class_map="") if isinstance(value, ClassMapPlan) else value


def _begun_precision(output: Path, precision: str, device: str) -> str:
    """Return the precision that a run was begun with, which another machine might not choose, where it can be had."""
    begun = str(read_run(output)[1].provenance.get("precision", precision))
    return precision if begun == "16-mixed" and device != "cuda" else begun


def _summary(
    plan: TrainingPlan, info: RunInfo, output: Path, precision: str, trained: int, seconds: float, best: int
) -> dict[str, Any]:
    rows = _metrics(output / METRICS)
    last = max(rows)
    parsing = plan.task("parsing")
    return {
        "output": str(output),
        "network": plan.network.name,
        "tasks": [task.name for task in plan.tasks],
        "samples": {"from": plan.main.kind, "path": str(plan.main.path), "crop": plan.main.frame.kind},
        **({"regions": list(plan.network.regions)} if plan.network.regions else {}),
        **({"classes": list(parsing.outputs)} if parsing else {}),
        **{key: info.provenance[key] for key in ("images", "splits", "validation_carved_out_of_train", "without_face")},
        **{key: info.provenance[key] for key in ("parser_overlap", "leaks") if key in info.provenance},
        "validation_held_out": plan.main.held_out,
        **({"unmirrored": plan.unmirrored} if plan.unmirrored else {}),
        "steps": last,
        "epochs": round(last / plan.main.steps_per_epoch, 3),
        "precision": precision,
        "seconds": round(seconds, 1),
        "images_per_second": round(trained * plan.main.batch_size / seconds, 1),
        "best": rows[best],
        "last": rows[last],
        "files": {"best": str(output / BEST), "last": str(output / LAST), "curve": str(output / CURVE)},
    }


def _metrics(table: Path) -> dict[int, dict[str, float | None]]:
    """Return the rows of ``metrics.csv`` by step; None where a score is not defined on the validation images."""
    with table.open(newline="", encoding="utf-8") as file:
        return {
            int(row["step"]): {name: None if value == "nan" else float(value) for name, value in row.items() if value}
            for row in csv.DictReader(file)
        }
