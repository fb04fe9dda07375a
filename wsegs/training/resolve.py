"""From a recipe to the plan of a training. Every mistake is told here, before torch is imported."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from wsegs.errors import OptionError
from wsegs.nets import NetworkSignature, signature_of
from wsegs.store import MaskStore
from wsegs.training.plan import (
    FitPlan,
    Monitor,
    MovesPlan,
    NetworkPlan,
    OptimizerPlan,
    RegionPlan,
    SourcePlan,
    TaskPlan,
    TrainingPlan,
)
from wsegs.training.recipe import Recipe
from wsegs.training.resolving.attribute_groups import plan_groups
from wsegs.training.resolving.backbone_plans import check_fitted, check_penalty_labels, plan_backbone
from wsegs.training.resolving.chosen import ChosenSource, ChosenTask
from wsegs.training.resolving.mirror_plans import plan_mirrors
from wsegs.training.resolving.region_plans import plan_regions
from wsegs.training.resolving.source_plans import (
    DEFAULT_DATA,
    Overrides,
    choose_main_source,
    hold_out_of,
    unboxed,
    unvalidated,
    with_parsing_source,
)
from wsegs.training.resolving.task_plans import (
    check_fit,
    check_labels,
    choose_tasks,
    head_sizes,
    plan_task,
    rare_categories,
    score_names,
)
from wsegs.training.resolving.trunk_plans import is_weights_file, plan_trunks
from wsegs.training.resolving.unseen_people import check_unseen
from wsegs.training.schedule import Schedule, plan_steps

__all__ = ["DEFAULT_DATA", "Overrides", "resolve", "score_names"]


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
    tasks = choose_tasks(recipe, signature)
    check_fit(recipe, signature, tasks)
    backbone = plan_backbone(recipe, signature)
    check_fitted(recipe, signature)
    moves = _plan_moves(recipe)
    trunks = plan_trunks(recipe, signature)

    hold_out = hold_out_of(recipe, tasks)
    main = choose_main_source(recipe, overrides, tasks, hold_out)
    if moves.moved_masks == "drawn":
        _check_drawable(main)
    if recipe.fit is not None:
        check_unseen(recipe, main)
    _check_held_out(recipe, main)
    schedule = plan_steps(recipe, main.plan.train)
    main = replace(main, plan=replace(main.plan, batch_size=schedule.batch_size))
    sources = [main]
    parsing = next((task for task in tasks if task.kind.name == "parsing"), None)
    if parsing is not None:
        sources = with_parsing_source(recipe, parsing, main)
    regions, region_names, class_maps = plan_regions(recipe, signature, main)
    if class_maps is not None:
        sources[0] = replace(main, plan=replace(main.plan, class_maps=class_maps))

    fed = {task.name: len(sources) - 1 if task is parsing else 0 for task in tasks}
    plans = tuple(plan_task(task, fed[task.name], sources[fed[task.name]]) for task in tasks)
    for task, plan in zip(tasks, plans, strict=True):
        check_labels(task, plan, sources[plan.source])
    check_penalty_labels(recipe, main)
    network = NetworkPlan(
        name=recipe.network.target,
        options=_network_options(recipe, signature, plans),
        size=recipe.size,
        heads=head_sizes(plans),
        classes=next((len(plan.outputs) for plan in plans if plan.kind == "parsing"), 0),
        regions=region_names,
        trunks=trunks,
        backbone=backbone,
    )
    opened = [source.opened for source in sources]
    chosen = [source.plan for source in sources]
    mirrored, unmirrored = plan_mirrors(recipe, opened, chosen, plans, region_names)
    whole = _plan(recipe, schedule, network, regions, plans, mirrored, tasks)
    notes = (*rare_categories(plans, sources), *unboxed(main), *unvalidated(main))
    return replace(whole, flips=recipe.flips and not unmirrored, unmirrored=unmirrored, notes=notes, moves=moves)


def _plan_moves(recipe: Recipe) -> MovesPlan:
    """Return how crops are moved; raise OptionError where nothing is trained on crops."""
    moves = MovesPlan(**recipe.augmentation.model_dump())
    if moves.ranges and not recipe.trains:
        raise OptionError(
            "augmentation: expected a recipe that trains a network on crops; this one fits heads on features, which"
            " are read once from crops as they are (region-probe --finetune trains on moved crops)"
        )
    if moves.moved_masks == "drawn" and not moves.ranges:
        raise OptionError("--moved-masks drawn: expected crops that are moved; --rotate, --scale or --shift moves them")
    return moves


def _check_drawable(main: ChosenSource) -> None:
    """Check that the masks of moved crops can be drawn from landmarks as those of the store were."""
    store = main.opened.labelled
    if not isinstance(store, MaskStore):
        raise OptionError(f"--moved-masks drawn: expected a mask store, got images of {main.opened.name}")
    if store.provenance.get("refined"):
        raise OptionError(
            f"--moved-masks drawn: regions of {store.path} were refined by colour, and rules alone would not draw"
            " them; warped takes them as they are"
        )


def _check_held_out(recipe: Recipe, main: ChosenSource) -> None:
    """Check that nothing is chosen by people who are held out where nobody is."""
    if main.rows.held_out:
        return
    if recipe.early_stopping.patience is not None:
        raise OptionError("early_stopping: patience: expected null where validation_fraction is 0: nobody is held out")
    if recipe.fit is not None:
        raise OptionError("validation_fraction: expected more than 0 with fit, which holds out people itself")


def _network_options(recipe: Recipe, signature: NetworkSignature, tasks: tuple[TaskPlan, ...]) -> dict[str, Any]:
    """Return the options of the network, with groups of attributes by their positions where it has some."""
    options = recipe.network.options
    names = next((task.outputs for task in tasks if task.kind == "attributes"), ())
    if not signature.wants("groups") or options.get("groups") is None:
        return options
    return {**options, "groups": plan_groups(options["groups"], names)}


def _plan(
    recipe: Recipe,
    schedule: Schedule,
    network: NetworkPlan,
    regions: RegionPlan | None,
    tasks: tuple[TaskPlan, ...],
    sources: tuple[SourcePlan, ...],
    kinds: list[ChosenTask],
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
            optimizer.momentum,
        ),
        monitor=_monitor(recipe, kinds),
        init_from="" if recipe.init_from is None or is_weights_file(recipe.init_from) else str(recipe.init_from),
        steps=schedule.steps,
        validation_interval=schedule.validation_interval,
        flips=recipe.flips,
        precision=recipe.precision,
        seed=recipe.seed,
        fit=None if recipe.fit is None else FitPlan(**recipe.fit.model_dump()),
    )


def _monitor(recipe: Recipe, tasks: list[ChosenTask]) -> Monitor:
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
