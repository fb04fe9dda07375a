"""A task and a source of a recipe, before they are planned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wsegs.tasks import TaskKind
from wsegs.training.plan import (
    SourcePlan,
)
from wsegs.training.samples.opening import OpenSource
from wsegs.training.samples.split import Split


@dataclass(frozen=True)
class ChosenTask:
    """A task of the recipe, with what its kind says."""

    name: str
    kind: TaskKind
    options: dict[str, Any]


@dataclass(frozen=True)
class ChosenSource:
    """A source, opened, with the rows that are used."""

    opened: OpenSource
    rows: Split
    plan: SourcePlan
