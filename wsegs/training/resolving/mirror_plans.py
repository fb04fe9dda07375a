"""Plan what changes its meaning in a mirrored image: regions, classes and labels of two sides are exchanged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wsegs.errors import OptionError
from wsegs.io.sides import Pairs, exchanged, find_sides
from wsegs.rules.tuning.class_map import ClassMap, load_classes
from wsegs.store import MaskStore
from wsegs.training.plan import ClassMapPlan, MirrorPlan, SourcePlan, TaskPlan
from wsegs.training.recipe import Recipe
from wsegs.training.samples.opening import OpenSource

_TURNS = {"yaw", "roll", "pan", "azimuth"}  # angles that change their sign
_HELP = "a line 'mirror:' in the rule file or the class map pairs names, --no-flips mirrors nothing"


def plan_mirrors(
    recipe: Recipe,
    opened: Sequence[OpenSource],
    sources: Sequence[SourcePlan],
    tasks: Sequence[TaskPlan],
    read: Sequence[str] = (),
) -> tuple[tuple[SourcePlan, ...], str]:
    """Return the sources with what mirrored images exchange, and why images are not mirrored; empty where they are.

    Parameters
    ----------
    recipe
        Says whether images are to be mirrored.
    opened, sources
        The sources, and their plans.
    tasks
        Those of all sources.
    read
        Names of the regions that the network reads.

    Raises
    ------
    OptionError
        If mirrored images are to be averaged or to be rows of a fit, and what is of one side forbids it.
    """
    if not (_reads_mirrored(recipe) or (recipe.flips and recipe.trains)):
        return tuple(sources), ""
    planned, reasons = [], []
    for number, (source, plan) in enumerate(zip(opened, sources, strict=True)):
        own = [task for task in tasks if task.source == number]
        mirror, why = _plan_source(source, plan, own, _region_names(recipe, source, own, read) if not number else ())
        planned.append(replace(plan, mirror=mirror))
        reasons += why
    averaged = bool(recipe.network.options.get("mirrored"))
    if averaged and not reasons and any(plan.mirror != MirrorPlan() for plan in planned):
        reasons = ["names of two sides cannot be averaged with those of the mirrored image"]
    if reasons and _reads_mirrored(recipe):
        what = "network: mirrored" if averaged else "fit: mirrored_copies"
        raise OptionError(f"{what}: {reasons[0]}; false reads no mirrored images")
    return tuple(planned), f"images are not mirrored: {reasons[0]}; {_HELP}" if reasons else ""


def _reads_mirrored(recipe: Recipe) -> bool:
    copies = recipe.fit is not None and recipe.fit.mirrored_copies
    return copies or bool(recipe.network.options.get("mirrored"))


def _region_names(recipe: Recipe, source: OpenSource, tasks: Sequence[TaskPlan], read: Sequence[str]) -> Sequence[str]:
    """Return the regions that are mirrored with the images: those of a store, or those of which features are read.

    A parser draws its regions on the mirrored image, and boxes follow mirrored points.
    """
    from_rules = recipe.regions is not None and recipe.regions.source == "rules" and bool(read)
    if isinstance(source.labelled, MaskStore) and (from_rules or any(task.kind == "segmentation" for task in tasks)):
        return source.labelled.region_names
    return read if _reads_mirrored(recipe) else ()


def _plan_source(
    source: OpenSource, plan: SourcePlan, tasks: Sequence[TaskPlan], region_names: Sequence[str]
) -> tuple[MirrorPlan, list[str]]:
    labelled, reasons = source.labelled, []
    store = labelled if isinstance(labelled, MaskStore) else None
    declared: Pairs = () if store is None else store.rules.mirror
    hints = [] if store is None else _pairs_of_scheme(store)
    if store is not None:
        _check_declared(store, declared)

    exchanging: list[tuple[str, str]] = []

    def sides(what: str, names: Sequence[str], pairs: Pairs = declared) -> tuple[tuple[int, int], ...]:
        found = find_sides(names, pairs, hints)
        if found.lone:
            more = f" (and {len(found.lone) - 1} more)" if len(found.lone) > 1 else ""
            reasons.append(f"{what} '{found.lone[0]}'{more} is of one side, and has no partner to be exchanged for")
        exchanging.extend((names[a], names[b]) for a, b in found.pairs)
        return found.pairs

    kinds = {task.kind for task in tasks}
    mirror = MirrorPlan(
        regions=sides("region", region_names),
        attributes=sides("attribute", labelled.attribute_names) if kinds & {"attributes", "segmentation"} else (),
        categories={
            str(task.options["label"]): pairs
            for task in tasks
            if task.kind == "category" and (pairs := sides(f"category of '{task.name}'", task.outputs))
        },
    )
    numbers = [task.outputs[0] for task in tasks if task.kind == "number"]
    mirror = replace(mirror, numbers=tuple((numbers[a], numbers[b]) for a, b in sides("number", numbers)))
    turning = [name for name in numbers if _TURNS & set(name.lower().replace("-", "_").split("_"))]
    if turning:
        reasons.append(f"number '{turning[0]}' is an angle, which has the other sign then")
    if plan.class_maps is not None:
        pairs, lone = _pairs_of_classes(plan.class_maps, declared, sides)
        mirror = replace(mirror, classes=pairs)
        reasons += lone
    if store is not None and kinds & {"segmentation"}:
        reasons += _one_sided_masks(store, mirror)
    return replace(mirror, names=tuple(dict.fromkeys(exchanging))), reasons


def _check_declared(store: MaskStore, declared: Pairs) -> None:
    for name in (name for pair in declared for name in pair):
        if name not in store.region_names and name not in store.attribute_names:
            raise OptionError(f"{store.rules.source}: mirror: '{name}' is no region and no attribute of {store.path}")


def _pairs_of_scheme(store: MaskStore) -> list[tuple[str, str]]:
    """Return the names of the landmark scheme whose points a mirrored image exchanges."""
    scheme = store.scheme
    places = {frozenset(points): name for name, points in scheme.names.items()}
    mirrored = {name: places.get(frozenset(scheme.mirror[p] for p in points)) for name, points in scheme.names.items()}
    return [(name, other) for name, other in mirrored.items() if other is not None and name < other]


def _pairs_of_classes(
    plan: ClassMapPlan, declared: Pairs, sides: Callable[..., tuple[tuple[int, int], ...]]
) -> tuple[tuple[tuple[int, int], ...], list[str]]:
    if plan.source == "store":
        return sides("class", plan.names), []
    class_map = load_classes(plan.class_map)
    by_number, lone = _pairs_of_numbers(class_map)
    settled = (*class_map.mirror, *by_number)
    return sides("class", plan.names, settled), lone


def _pairs_of_numbers(class_map: ClassMap) -> tuple[Pairs, list[str]]:
    """Return pairs of regions that consist of classes of either side, whatever the regions are called."""
    number_of = {name: number for number, name in class_map.names.items()}
    names, regions = list(number_of), class_map.regions
    found = find_sides(names)
    other = {number_of[names[a]]: number_of[names[b]] for a, b in found.pairs}
    other |= {number: partner for partner, number in other.items()}
    known = {name for pair in class_map.mirror for name in pair}
    places = {frozenset(numbers): region for region, numbers in regions.items()}
    pairs, lone = [], []
    for region, numbers in regions.items():
        mirrored = frozenset(other.get(number, number) for number in numbers)
        if region in known or mirrored == frozenset(numbers):
            pairs += [] if region in known or not set(numbers) & set(other) else [(region, region)]
        elif mirrored in places:
            pairs.append((region, places[mirrored]))
        elif find_sides([region]).lone == ():  # else its name says so itself
            lone.append(f"class '{region}' has classes of one side, and no other region has those of the other")
    return tuple(pairs), lone


def _one_sided_masks(store: MaskStore, mirror: MirrorPlan) -> list[str]:
    """Return what forbids to mirror attributes whose masks lie on one side."""
    if not mirror.regions:
        return []
    alone = np.array([1 << region for region in range(len(store.region_names))], np.uint64)
    own = store.lookup.coverage(alone)
    order: Any = exchanged(len(store.attribute_names), mirror.attributes)
    mirrored = own[order][:, exchanged(len(alone), mirror.regions)]
    wrong = np.flatnonzero((own != mirrored).any(axis=1))
    if not len(wrong):
        return []
    name = store.attribute_names[wrong[0]]
    return [f"the mask of '{name}' lies on one side, and the attribute has no partner to be exchanged for"]
