"""Plan the tasks of a recipe, and check that they fit the network and the labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np

from wsegs.errors import DataError, OptionError
from wsegs.io.files import did_you_mean
from wsegs.nets import NetworkSignature
from wsegs.tasks import TaskKind, task_kind
from wsegs.tasks.labelled import label_values
from wsegs.training.plan import (
    TaskPlan,
)
from wsegs.training.recipe import Recipe
from wsegs.training.resolving.chosen import ChosenSource, ChosenTask

_TOLD_APART = ("identity", "category")
_NAMED_AS_THEIR_KIND = ("attributes", "segmentation", "parsing", "identity", "relation")


def choose_tasks(recipe: Recipe, signature: NetworkSignature) -> list[ChosenTask]:
    """Return the tasks of all stages; attributes are measured wherever their masks are learnt.

    Raises
    ------
    OptionError
        If a stage has a task without the one whose head it reads.
    """
    names = sorted(recipe.losses)
    if "segmentation" in names and "attributes" not in names and signature.has_heads:
        names.insert(0, "attributes")
    tasks = []
    for name in names:
        choice = recipe.tasks.get(name)
        kind = task_kind(choice.kind if choice else name)
        for number, stage in enumerate(recipe.stages):
            if kind.beside and name in stage.losses and kind.beside not in stage.losses:
                raise OptionError(
                    f"stages.{number}.losses: {name} reads the outputs of '{kind.beside}': expected {kind.beside} in"
                    f" the same stage, got {', '.join(stage.losses)}"
                )
        tasks.append(ChosenTask(name, kind, choice.options if choice else {}))
    return tasks


def check_fit(recipe: Recipe, signature: NetworkSignature, tasks: list[ChosenTask]) -> None:
    """Check that the network has an output for each task, and that the recipe has what the network asks for.

    Raises
    ------
    OptionError
        If one of the two is not so.
    """
    name = f"network '{signature.name}'"
    for task in tasks:
        if task.kind.pixels == "masks" and not signature.draws_maps:
            raise OptionError(f"{name} draws no maps, so it has no segmentation loss")
        if task.kind.reads == "parse" and not signature.wants("classes"):
            raise OptionError(f"{name} does not parse, so it has no parsing loss")
        if task.kind.reads == "forward" and not signature.has_heads:
            raise OptionError(f"{name} has no output for the task '{task.name}', it has the parsing loss alone")
        if task.kind.name in _NAMED_AS_THEIR_KIND and task.name != task.kind.name:
            raise OptionError(f"task '{task.name}': a task of the kind {task.kind.name} is called '{task.kind.name}'")
        if task.kind.has_head and task.kind.name != "attributes" and not signature.wants("heads"):
            raise OptionError(f"{name} has an output for attributes alone, none for the task '{task.name}'")
    parses = any(task.kind.reads == "parse" for task in tasks)
    if signature.wants("classes") and not parses:
        raise OptionError(f"{name} needs classes, and the recipe has none")
    if signature.wants("regions") and recipe.regions is None:
        raise OptionError(f"{name} reads regions: expected a field 'regions' in its recipe, got none")
    if signature.wants("regions") and parses:
        raise OptionError(f"{name} reads regions, so it cannot learn to parse them")


def plan_task(task: ChosenTask, number: int, source: ChosenSource) -> TaskPlan:
    """Plan a task that the source of this number feeds: the meaning of its outputs.

    Raises
    ------
    OptionError
        If the source has no label of that name.
    """
    labelled = source.opened.labelled
    outputs: tuple[str, ...]
    options = dict(task.options)
    if task.kind.labels == "binary":
        outputs = tuple(labelled.attribute_names)
        _check_held_out(options.get("held_out", ()), outputs, source.opened.name)
    elif task.kind.labels == "identity":
        people = np.unique(labelled.identity[source.rows.train])
        outputs = tuple(str(person) for person in people[people >= 0])
    elif task.kind.labels in ("number", "category"):
        label = options.get("label") or task.name
        kind: Literal["numbers", "categories"] = "numbers" if task.kind.labels == "number" else "categories"
        known = getattr(labelled, kind)
        if label not in known:
            there = ", ".join(known) or "none"
            raise OptionError(
                f"task '{task.name}': {source.opened.name} has no {task.kind.labels} '{label}': expected one of {there}"
                f"{did_you_mean(label, tuple(known))}; --{kind} {label} reads it from labels.csv"
                f"{', or takes each folder for a category' if (kind, label) == ('categories', 'class') else ''}"
            )
        options["label"] = label
        outputs = (label,) if task.kind.labels == "number" else tuple(known[label].names)
    else:
        maps = source.plan.class_maps
        outputs = () if maps is None else maps.names
    return TaskPlan(task.name, task.kind.name, options, outputs, number)


def _check_held_out(held_out: Sequence[str], names: tuple[str, ...], source: str) -> None:
    for name in held_out:
        if name not in names:
            raise OptionError(
                f"--hold-out-attributes: {source} has no attribute '{name}': expected some of its"
                f" {len(names)}{did_you_mean(name, names)}"
            )
    if names and set(held_out) == set(names):
        raise OptionError("--hold-out-attributes: expected some attributes, got all; the training would see no label")


def check_labels(task: ChosenTask, plan: TaskPlan, source: ChosenSource) -> None:
    """Check that there is something to learn, and something to measure it by."""
    name = {"binary": "attributes", "identity": "identity"}.get(str(task.kind.labels), plan.options.get("label"))
    if name is None:
        return
    if not plan.outputs:
        what = "attributes" if name == "attributes" else "a known identity" if name == "identity" else name
        raise DataError(f"{source.opened.name}: has no {what}, which the task '{task.name}' learns")
    if len(plan.outputs) < 2 and (task.kind.name in _TOLD_APART or task.kind.beside):
        what = {"identity": "people", "binary": "attributes"}.get(str(task.kind.labels), f"categories of '{name}'")
        raise DataError(
            f"{source.opened.name}: task '{task.name}': expected two {what} or more, got one ('{plan.outputs[0]}')"
        )
    values = label_values(source.opened.labelled, name)
    known: Callable[[Any], Any] = np.isfinite if task.kind.labels == "number" else lambda labels: labels >= 0
    for rows, use in ((source.rows.train, "to train on"), (source.rows.validation, "to validate on")):
        if not known(values[rows]).any():
            raise DataError(
                f"{source.opened.name}: expected {name} of the {len(rows)} images {use}, none of them has a known"
                " label; masks are made from the labels of landmarks.h5, which wsegs landmarks reads from the data set"
            )


def rare_categories(tasks: Sequence[TaskPlan], sources: Sequence[ChosenSource]) -> Iterator[str]:
    """Yield notes on categories with a single image, which is either trained on or validated on."""
    for task in tasks:
        if task.kind != "category":
            continue
        source = sources[task.source]
        codes = label_values(source.opened.labelled, str(task.options.get("label")))
        used = codes[np.concatenate([source.rows.train, source.rows.validation])]
        counts = np.bincount(used[used >= 0], minlength=len(task.outputs))
        alone = [name for name, count in zip(task.outputs, counts, strict=True) if count == 1]
        if alone:
            shown = ", ".join(alone[:3]) + (", ..." if len(alone) > 3 else "")
            yield (
                f"task '{task.name}': {len(alone)} of {len(task.outputs)} categories have one image, which is either"
                f" trained on or validated on: {shown}"
            )


def head_sizes(tasks: tuple[TaskPlan, ...]) -> dict[str, int]:
    """Return the outputs that the tasks ask of the network."""
    heads = {}
    for task in tasks:
        kind = task_kind(task.kind)
        if kind.has_head:
            heads[task.name] = len(task.outputs)
    return heads


def score_names(name: str, kind: TaskKind) -> dict[str, str]:
    """Return the names of a task's validation scores: score -> as it is logged, after ``val_``.

    Attributes and parsing have theirs to themselves; those of other tasks begin with the name of the task.
    """
    plain = kind.name in ("attributes", "parsing")
    return {score: score if plain else f"{name}_{score}" for score in kind.scores}
