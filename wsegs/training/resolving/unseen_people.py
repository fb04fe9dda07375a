"""Check that heads are fitted on people whom the network below them has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wsegs.errors import DataError
from wsegs.training.plan import TrainingPlan
from wsegs.training.recipe import Recipe
from wsegs.training.resolving.chosen import ChosenSource
from wsegs.training.run_folder import TRAINED
from wsegs.training.runs import RunInfo, read_run
from wsegs.training.samples.record import read_record


def check_unseen(recipe: Recipe, source: ChosenSource) -> None:
    """Check that no run that weights come from was trained on the people of the fit.

    Features of people whom a network knows are better than those of others, and a head that is fitted on them trusts
    them too much (Liu, Luo, Wang & Tang, section 4, share their people out for that reason).

    Raises
    ------
    DataError
        If one was. The message says how many, and which people are left.
    """
    opened, rows = source.opened, source.rows.train
    name, root = opened.labelled.name if hasattr(opened.labelled, "name") else "", str(opened.root)
    identity = opened.labelled.identity[rows]
    ours = set(identity[identity >= 0].tolist())
    images = {opened.labelled.images[row] for row in rows[identity < 0]}
    for run, plan, info in _runs_behind(recipe):
        if not _of_same_people(info, name, root):
            continue
        record = read_record(run / TRAINED)
        people = {int(row["identity"]) for row in record.values()}
        seen = len(ours & people) + len(images & set(record))
        if seen:
            last = plan.main.people[1]
            left = f"--people {last:g}-1 takes those who are left" if last < 1 else "it left nobody (samples: people)"
            raise DataError(
                f"fit: {run} was trained on {seen} of the {len(ours) + len(images)} people to fit on, and heads need"
                f" people whom it has not seen; {left}"
            )


def _runs_behind(recipe: Recipe) -> Iterator[tuple[Path, TrainingPlan, RunInfo]]:
    """Yield the runs that weights come from, and those that their weights come from, as far as they are there."""
    waiting = [trunk.source for trunk in recipe.network.trunks]
    known: set[Path] = set()
    while waiting:
        run = waiting.pop()
        if run in known or not (run / TRAINED).is_file():
            continue
        known.add(run)
        plan, info = read_run(run)
        yield run, plan, info
        waiting += [trunk.source for trunk in plan.network.trunks]
        waiting += [Path(plan.init_from)] if plan.init_from else []


def _of_same_people(info: RunInfo, name: str, root: str) -> bool:
    """Tell whether numbers of people mean the same in two data sets: the same folder, or CelebA in another variant."""
    theirs = str(info.provenance.get("data", {}).get("name", ""))
    return info.provenance.get("root") == root or (name.startswith("celeba-") and theirs.startswith("celeba-"))
