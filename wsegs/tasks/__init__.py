"""Tasks: what a network learns, by name. A task is one file with its loss, its scores and its decoding.

A module here defines a :class:`wsegs.tasks.task.Task` and :data:`TASK_KINDS` below has a line about it. A package of
one's own adds a kind with :func:`register_task`.

Importing this package does not import torch: a module is imported when its task is built.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from wsegs.errors import OptionError
from wsegs.io.files import did_you_mean
from wsegs.tasks.options import (
    AttributesOptions,
    CategoryOptions,
    IdentityOptions,
    NumberOptions,
    ParsingOptions,
    RelationOptions,
    SegmentationOptions,
)

if TYPE_CHECKING:
    from wsegs.tasks.task import Task

__all__ = ["TASK_KINDS", "TaskKind", "build_task", "register_task", "task_kind"]


class NoOptions(BaseModel):
    """Options of a task that has none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class TaskKind:
    """Description of a kind of task, known without importing torch.

    Attributes
    ----------
    name
        As recipes name it.
    target
        ``package.module:Class``.
    labels
        The type of label that it learns from: ``binary``, ``identity``, ``number``, ``category``; None where it learns
        from pixels.
    scores
        Its validation scores; higher is better but for those in ``errors``.
    errors
        The scores of which lower is better.
    options
        Model of its options in a recipe.
    reads
        The method of the network that it reads: ``forward`` or ``parse``.
    pixels
        What it learns from beside labels: ``masks`` of attributes, ``classes`` of pixels, or None.
    beside
        The task whose head it reads, and in whose stages alone it may stand; empty where it has a head or maps of its
        own.
    """

    name: str
    target: str
    labels: Literal["binary", "identity", "number", "category"] | None
    scores: tuple[str, ...] = ()
    errors: frozenset[str] = frozenset()
    options: type[BaseModel] = NoOptions
    reads: Literal["forward", "parse"] = "forward"
    pixels: Literal["masks", "classes"] | None = None
    beside: str = ""

    @property
    def has_head(self) -> bool:
        """True where it asks the network for a head of its own name."""
        return self.reads == "forward" and self.pixels is None and not self.beside


TASK_KINDS: dict[str, TaskKind] = {}


def register_task(kind: TaskKind) -> None:
    """Add a kind of task.

    Raises
    ------
    ValueError
        If another has that name.
    """
    if kind.name in TASK_KINDS:
        raise ValueError(f"task '{kind.name}' is registered twice: {TASK_KINDS[kind.name].target}, {kind.target}")
    TASK_KINDS[kind.name] = kind


def task_kind(name: str) -> TaskKind:
    """Return a kind of task.

    Raises
    ------
    OptionError
        If there is none of that name.
    """
    if name not in TASK_KINDS:
        known = sorted(TASK_KINDS)
        raise OptionError(f"unknown task '{name}': expected one of {', '.join(known)}{did_you_mean(name, known)}")
    return TASK_KINDS[name]


def build_task(kind: str, name: str, outputs: Sequence[str], options: Mapping[str, Any]) -> Task:
    """Build a task.

    Parameters
    ----------
    kind
        As registered.
    name
        The task's own name: of its head and of its loss.
    outputs
        What the numbers of its head mean: attributes, categories, people, classes.
    options
        Its own, as :attr:`TaskKind.options` checked them.
    """
    module, _, attribute = task_kind(kind).target.partition(":")
    task: Task = getattr(importlib.import_module(module), attribute)(name, tuple(outputs), **options)
    return task


_CLASSIFICATION_SCORES = ("accuracy", "balanced_accuracy")

for _kind in (
    TaskKind(
        name="attributes",
        target="wsegs.tasks.attributes:Attributes",
        labels="binary",
        scores=("accuracy", "average_precision", "balanced_accuracy"),
        options=AttributesOptions,
    ),
    TaskKind(
        name="segmentation",
        target="wsegs.tasks.segmentation:Segmentation",
        labels="binary",
        options=SegmentationOptions,
        pixels="masks",
    ),
    TaskKind(
        name="parsing",
        target="wsegs.tasks.parsing:Parsing",
        labels=None,
        scores=("mean_iou",),
        options=ParsingOptions,
        reads="parse",
        pixels="classes",
    ),
    TaskKind(
        name="identity",
        target="wsegs.tasks.identity:Identity",
        labels="identity",
        scores=("accuracy", "verification_auc"),
        options=IdentityOptions,
    ),
    TaskKind(
        name="number",
        target="wsegs.tasks.number:Number",
        labels="number",
        scores=("mean_absolute_error", "correlation"),
        errors=frozenset({"mean_absolute_error"}),
        options=NumberOptions,
    ),
    TaskKind(
        name="category",
        target="wsegs.tasks.category:Category",
        labels="category",
        scores=_CLASSIFICATION_SCORES,
        options=CategoryOptions,
    ),
    TaskKind(
        name="relation",
        target="wsegs.tasks.relation:Relation",
        labels="binary",
        options=RelationOptions,
        beside="attributes",
    ),
):
    register_task(_kind)
