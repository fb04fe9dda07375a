"""From a recipe to the plan of a training. Every mistake is told here, before torch is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from wsegs.errors import DataError, OptionError
from wsegs.io.files import did_you_mean
from wsegs.nets import NetworkSignature, signature_of
from wsegs.nets.layers.box_names import box_names
from wsegs.tasks import TaskKind, task_kind
from wsegs.tasks.labelled import Labelled, label_values
from wsegs.tasks.options import ClassMapOptions
from wsegs.training.plan import (
    ClassMapPlan,
    Monitor,
    NetworkPlan,
    OptimizerPlan,
    ParserPlan,
    RegionPlan,
    SourcePlan,
    TaskPlan,
    TrainingPlan,
    TrunkPlan,
)
from wsegs.training.recipe import Recipe, RegionInput
from wsegs.training.run_folder import PLAN, check_run
from wsegs.training.samples.checks import check_images
from wsegs.training.samples.class_maps import plan_class_maps
from wsegs.training.samples.opening import OpenSource, OpenStore, open_data, open_store, rows_of
from wsegs.training.samples.split import Split
from wsegs.training.schedule import Schedule, plan_steps

DEFAULT_MASKS, DEFAULT_DATA = Path("masks.h5"), Path("data/celeba")


@dataclass(frozen=True)
class Overrides:
    """Settings of a command beside the recipe.

    Attributes
    ----------
    masks
        The mask store; None leaves the choice to the recipe.
    data
        The data set; of a mask store, if it moved since its landmarks were found.
    landmarks
        ``landmarks.h5`` of the data set, for crops about faces.
    limit
        A sample of so many images; None is all.
    crop
        How images of a data set are cropped; None is what the recipe says.
    opened
        Options that the data set is opened with; see :func:`wsegs.datasets.open_dataset`.
    """

    masks: Path | None = None
    data: Path | None = None
    landmarks: Path | None = None
    limit: int | None = None
    crop: str | None = None
    opened: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Task:
    """A task of the recipe, with what its kind says."""

    name: str
    kind: TaskKind
    options: dict[str, Any]


@dataclass(frozen=True)
class _Source:
    """A source, opened, with the rows that are used."""

    opened: OpenSource
    rows: Split
    plan: SourcePlan


def resolve(recipe: Recipe, overrides: Overrides | None = None) -> TrainingPlan:
    """Return the plan of a training.

    Raises
    ------
    OptionError
        If parts of the recipe do not fit each other, the network, or the labels.
    MissingError, DataError
        If what is trained on is missing or damaged.
    """
    overrides = overrides or Overrides()
    signature = signature_of(recipe.network.target)
    signature.check_options(recipe.network.options)
    tasks = _tasks(recipe, signature)
    _check_fit(recipe, signature, tasks)

    hold_out = _hold_out(recipe, tasks)
    main = _main_source(recipe, overrides, tasks, hold_out)
    schedule = plan_steps(recipe, main.plan.train)
    main = replace(main, plan=replace(main.plan, batch_size=schedule.batch_size))
    sources = [main]
    parsing = next((task for task in tasks if task.kind.name == "parsing"), None)
    if parsing is not None:
        sources = _parsing_sources(recipe, parsing, main)
    regions, region_names, class_maps = _regions(recipe, signature, main)
    if class_maps is not None:
        sources[0] = replace(main, plan=replace(main.plan, class_maps=class_maps))

    fed = {task.name: len(sources) - 1 if task is parsing else 0 for task in tasks}
    plans = tuple(_plan_task(task, fed[task.name], sources[fed[task.name]]) for task in tasks)
    for task, plan in zip(tasks, plans, strict=True):
        _check_labels(task, plan, sources[plan.source])
    network = NetworkPlan(
        name=recipe.network.target,
        options=recipe.network.options,
        size=recipe.size,
        heads=_heads(plans),
        classes=next((len(plan.outputs) for plan in plans if plan.kind == "parsing"), 0),
        regions=region_names,
        trunks=tuple(TrunkPlan(trunk.source, trunk.layers, trunk.frozen) for trunk in recipe.network.trunks),
    )
    return _plan(recipe, schedule, network, regions, plans, tuple(source.plan for source in sources), tasks)


def _plan(
    recipe: Recipe,
    schedule: Schedule,
    network: NetworkPlan,
    regions: RegionPlan | None,
    tasks: tuple[TaskPlan, ...],
    sources: tuple[SourcePlan, ...],
    kinds: list[_Task],
) -> TrainingPlan:
    optimizer = recipe.optimizer
    return TrainingPlan(
        network=network,
        regions=regions,
        tasks=tasks,
        sources=sources,
        stages=schedule.stages,
        optimizer=OptimizerPlan(
            optimizer.name,
            optimizer.learning_rate,
            optimizer.weight_decay,
            recipe.schedule.name,
            recipe.schedule.warmup,
        ),
        monitor=_monitor(recipe, kinds),
        init_from="" if recipe.init_from is None else str(recipe.init_from),
        steps=schedule.steps,
        validation_interval=schedule.validation_interval,
        flips=recipe.flips,
        precision=recipe.precision,
        seed=recipe.seed,
    )


def _tasks(recipe: Recipe, signature: NetworkSignature) -> list[_Task]:
    """Return the tasks of all stages; attributes are measured wherever their masks are learnt."""
    names = sorted(recipe.losses)
    if "segmentation" in names and "attributes" not in names and signature.has_heads:
        names.insert(0, "attributes")
    tasks = []
    for name in names:
        choice = recipe.tasks.get(name)
        kind = task_kind(choice.kind if choice else name)
        tasks.append(_Task(name, kind, choice.options if choice else {}))
    return tasks


def _check_fit(recipe: Recipe, signature: NetworkSignature, tasks: list[_Task]) -> None:
    name = f"network '{signature.name}'"
    for task in tasks:
        if task.kind.pixels == "masks" and not signature.draws_maps:
            raise OptionError(f"{name} draws no maps, so it has no segmentation loss")
        if task.kind.reads == "parse" and not signature.wants("classes"):
            raise OptionError(f"{name} does not parse, so it has no parsing loss")
        if task.kind.reads == "forward" and not signature.has_heads:
            raise OptionError(f"{name} has no output for the task '{task.name}', it has the parsing loss alone")
        if task.kind.name in ("attributes", "segmentation", "parsing", "identity") and task.name != task.kind.name:
            raise OptionError(f"task '{task.name}': a task of the kind {task.kind.name} is called '{task.kind.name}'")
        needs_head = task.kind.reads == "forward" and task.kind.pixels is None
        if needs_head and task.kind.name != "attributes" and not signature.wants("heads"):
            raise OptionError(f"{name} has an output for attributes alone, none for the task '{task.name}'")
    parses = any(task.kind.reads == "parse" for task in tasks)
    if signature.wants("classes") and not parses:
        raise OptionError(f"{name} needs classes, and the recipe has none")
    if signature.wants("regions") and recipe.regions is None:
        raise OptionError(f"{name} reads regions: expected a field 'regions' in its recipe, got none")
    if signature.wants("regions") and parses:
        raise OptionError(f"{name} reads regions, so it cannot learn to parse them")


def _hold_out(recipe: Recipe, tasks: list[_Task]) -> Literal["people", "images"]:
    chosen = recipe.samples.hold_out
    if chosen == "auto":
        return "images" if any(task.kind.labels == "identity" for task in tasks) else "people"
    return chosen


def _main_source(recipe: Recipe, overrides: Overrides, tasks: list[_Task], hold_out: Any) -> _Source:
    """Open the mask store or the data set that the training is about."""
    why = _needs_store(recipe, tasks)
    kind = recipe.samples.source
    if kind == "auto":
        has_masks = overrides.masks is not None or why or (overrides.data is None and DEFAULT_MASKS.exists())
        kind = "store" if has_masks else "data"
    if kind == "data" and why:
        raise OptionError(f"samples: from: data: {why} needs the regions of a mask store; wsegs masks makes one")
    if kind == "store":
        for option, value in (("--landmarks", overrides.landmarks), ("--crop", overrides.crop)):
            if value is not None:
                raise OptionError(f"{option}: a mask store has landmarks and crops of its own")
        return _source(recipe, open_store(overrides.masks or DEFAULT_MASKS, overrides.data), overrides, hold_out)
    samples = recipe.samples
    opened = open_data(
        overrides.data or DEFAULT_DATA,
        overrides.crop or samples.crop,
        recipe.size,
        landmarks="" if overrides.landmarks is None else str(overrides.landmarks),
        options=dict(overrides.opened),
        zoom=samples.zoom,
        align_eyes=samples.align_eyes,
        margin=samples.margin,
    )
    return _source(recipe, opened, overrides, hold_out)


def _needs_store(recipe: Recipe, tasks: list[_Task]) -> str:
    """Return what of a recipe needs the regions of a mask store; empty if nothing does."""
    for task in tasks:
        if task.kind.pixels == "masks":
            return f"the task '{task.name}'"
        if task.kind.pixels == "classes" and (task.options.get("from") == "store" or task.options.get("store")):
            return f"the task '{task.name}'"
    return "regions: from: store" if recipe.regions is not None and recipe.regions.source == "store" else ""


def _source(recipe: Recipe, opened: OpenSource, overrides: Overrides, hold_out: Any) -> _Source:
    limit = overrides.limit or 0
    rows = rows_of(opened, fraction=recipe.validation_fraction, hold_out=hold_out, limit=limit)
    for part in (rows.train, rows.validation):
        check_images(opened, part)
    store = isinstance(opened, OpenStore)
    plan = SourcePlan(
        kind="store" if store else "data",
        path=(opened.labelled.path if isinstance(opened, OpenStore) else overrides.data or DEFAULT_DATA).absolute(),
        root=opened.root,
        frame=opened.frame,
        margin=0.0 if isinstance(opened, OpenStore) else opened.margin,
        opened={} if store else {key: _plain(value) for key, value in overrides.opened.items()},
        landmarks="" if overrides.landmarks is None else str(overrides.landmarks.absolute()),
        class_maps=None,
        validation_fraction=recipe.validation_fraction,
        hold_out=hold_out,
        limit=limit,
        train=len(rows.train),
        validation=len(rows.validation),
        carved=rows.carved,
        batch_size=min(recipe.batch_size, len(rows.train)),
    )
    return _Source(opened, rows, plan)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value


def _parsing_sources(recipe: Recipe, parsing: _Task, main: _Source) -> list[_Source]:
    """Return the main source, and a second one where the class maps are those of other images."""
    source, store = parsing.options.get("from"), parsing.options.get("store")
    if source == "masks" and not parsing.options.get("parsing_masks"):
        raise OptionError(
            "tasks: parsing: from: masks: expected the folder of human parsing masks, got none; --parsing-masks DIR"
            " names it, --from-store takes the store's regions"
        )
    options = ClassMapOptions.model_validate({k: v for k, v in parsing.options.items() if k != "store"})
    if store is None:
        maps = plan_class_maps(options, main.opened, main.rows)
        return [replace(main, plan=replace(main.plan, class_maps=maps))]
    other = _source(recipe, open_store(Path(store), None), Overrides(), "people")
    maps = plan_class_maps(options, other.opened, other.rows)
    return [main, replace(other, plan=replace(other.plan, class_maps=maps))]


def _regions(
    recipe: Recipe, signature: NetworkSignature, main: _Source
) -> tuple[RegionPlan | None, tuple[str, ...], ClassMapPlan | None]:
    """Return what draws the regions that a network reads, their names, and the class maps that are read for them."""
    chosen = recipe.regions
    if not signature.wants("regions") or chosen is None:
        return None, (), None
    parser = None if chosen.parser is None else plan_parser(chosen.parser)
    plan = RegionPlan(chosen.source, parser, chosen.parsed_hard, chosen.box_area, chosen.aspects)
    if chosen.source == "landmarks":
        if not main.opened.has_face.any():
            raise OptionError(f"regions: from: landmarks: {main.opened.name} has none; --landmarks names them")
        return replace(plan, parser=None), box_names(chosen.aspects), None
    if chosen.source == "parser":
        if parser is None:
            raise OptionError("regions: from: parser: expected the run of a parser, got none; --parser RUN names it")
        return plan, parser.class_names, None
    maps = _region_class_maps(chosen, main)
    if parser is not None and parser.class_names != maps.names:
        raise OptionError(
            f"--parser {chosen.parser}: expected a parser of the regions {', '.join(maps.names)},"
            f" got one of {', '.join(parser.class_names)}"
        )
    return plan, maps.names, maps


def _region_class_maps(chosen: RegionInput, main: _Source) -> ClassMapPlan:
    if chosen.source == "masks" and chosen.parsing_masks is None:
        raise OptionError(
            "regions: from: masks: expected the folder of human parsing masks, got none; --parsing-masks DIR names it"
        )
    options = ClassMapOptions.model_validate(
        {"from": chosen.source, "parsing_masks": chosen.parsing_masks, "class_map": chosen.class_map}
    )
    return plan_class_maps(options, main.opened, main.rows)


def plan_parser(run: Path) -> ParserPlan:
    """Return what it takes to build the parser of a run.

    Raises
    ------
    MissingError, DataError
        If there is no such run, or it is damaged.
    OptionError
        If the run does more, or something else, than parse.
    """
    from wsegs.training.plan import read_plan

    check_run(run)
    plan = read_plan(run / PLAN)
    if [task.kind for task in plan.tasks] != ["parsing"]:
        raise OptionError(f"{run}: expected a run of a parser, got one of '{plan.network.name}'")
    return ParserPlan(run.absolute(), replace(plan.network, trunks=()), plan.tasks[0].outputs)


def _plan_task(task: _Task, number: int, source: _Source) -> TaskPlan:
    labelled = source.opened.labelled
    outputs: tuple[str, ...]
    options = dict(task.options)
    if task.kind.labels == "binary":
        outputs = tuple(labelled.attribute_names)
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
            )
        options["label"] = label
        outputs = (label,) if task.kind.labels == "number" else tuple(known[label].names)
    else:
        maps = source.plan.class_maps
        outputs = () if maps is None else maps.names
    return TaskPlan(task.name, task.kind.name, options, outputs, number)


def _check_labels(task: _Task, plan: TaskPlan, source: _Source) -> None:
    """Check that there is something to learn, and something to measure it by."""
    name = {"binary": "attributes", "identity": "identity"}.get(str(task.kind.labels), plan.options.get("label"))
    if name is None:
        return
    if not plan.outputs:
        what = "attributes" if name == "attributes" else "a known identity" if name == "identity" else name
        raise DataError(f"{source.opened.name}: has no {what}, which the task '{task.name}' learns")
    values = label_values(_labelled(source), name)
    known: Callable[[Any], Any] = np.isfinite if task.kind.labels == "number" else lambda labels: labels >= 0
    for rows, use in ((source.rows.train, "to train on"), (source.rows.validation, "to validate on")):
        if not known(values[rows]).any():
            raise DataError(
                f"{source.opened.name}: expected {name} of the {len(rows)} images {use}, none of them has a known"
                " label; masks are made from the labels of landmarks.h5, which wsegs landmarks reads from the data set"
            )


def _labelled(source: _Source) -> Labelled:
    return source.opened.labelled


def _heads(tasks: tuple[TaskPlan, ...]) -> dict[str, int]:
    """Return the outputs that the tasks ask of the network."""
    heads = {}
    for task in tasks:
        kind = task_kind(task.kind)
        if kind.reads == "forward" and kind.pixels is None:
            heads[task.name] = len(task.outputs)
    return heads


def score_names(name: str, kind: TaskKind) -> dict[str, str]:
    """Return the names of a task's validation scores: score -> as it is logged, after ``val_``.

    Attributes and parsing have theirs to themselves; those of other tasks begin with the name of the task.
    """
    plain = kind.name in ("attributes", "parsing")
    return {score: score if plain else f"{name}_{score}" for score in kind.scores}


def _monitor(recipe: Recipe, tasks: list[_Task]) -> Monitor:
    lower: dict[str, bool] = {}
    for task in tasks:
        for score, logged in score_names(task.name, task.kind).items():
            lower[logged] = score in task.kind.errors
    lower |= {task.name: True for task in tasks if task.name in recipe.losses or task.kind.name == "attributes"}
    chosen = recipe.early_stopping.monitor
    if chosen not in lower:
        raise OptionError(
            f"early_stopping: monitor: expected one of {', '.join(lower)}, which this training has, got {chosen}"
        )
    return Monitor(chosen, lower[chosen], recipe.early_stopping.patience or 0)
