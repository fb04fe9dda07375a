"""Plan the regions that a network reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from wsegs.errors import MissingError, OptionError
from wsegs.nets import NetworkSignature
from wsegs.nets.layers.box_names import box_names
from wsegs.tasks.options import ClassMapOptions
from wsegs.training.plan import (
    ClassMapPlan,
    ParserPlan,
    PartsPlan,
    RegionPlan,
    RulesPlan,
    read_plan,
)
from wsegs.training.recipe import Recipe, RegionInput
from wsegs.training.resolving.chosen import ChosenSource
from wsegs.training.run_folder import PLAN, check_run
from wsegs.training.samples.class_maps import plan_class_maps
from wsegs.training.samples.opening import OpenStore, mean_points


def plan_regions(
    recipe: Recipe, signature: NetworkSignature, main: ChosenSource
) -> tuple[RegionPlan | None, tuple[str, ...], ClassMapPlan | None]:
    """Return what draws the regions that a network reads, their names, and the class maps that are read for them."""
    chosen = recipe.regions
    if not signature.wants("regions") or chosen is None:
        return None, (), None
    if (chosen.source == "parts") != signature.wants("patch"):
        wanted = "parts" if signature.wants("patch") else "regions that lie in the image"
        raise OptionError(f"regions: from: network '{signature.name}' reads {wanted}, got {chosen.source}")
    parser = None if chosen.parser is None else _named_parser(chosen.parser, signature.name)
    plan = RegionPlan(chosen.source, parser, chosen.parsed_hard, chosen.box_area, chosen.aspects)
    if chosen.source == "rules":
        assert isinstance(main.opened, OpenStore)  # which is what these regions need
        names = main.opened.labelled.region_names
        return replace(plan, parser=None, rules=_plan_rules(main.opened, main)), names, None
    if chosen.source == "parts":
        return replace(plan, parser=None, parts=_plan_parts(chosen, main, recipe.size)), tuple(chosen.parts), None
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


def _named_parser(run: Path, network: str) -> ParserPlan:
    if not run.exists():
        raise MissingError(
            f"{run}: no such run of a parser, which draws the regions of '{network}': wsegs train parser MASKS"
            " --from-store makes one of the store's regions, --parsing-masks DIR of human masks; --parser names another"
        )
    return plan_parser(run)


def _plan_parts(chosen: RegionInput, main: ChosenSource, size: tuple[int, int]) -> PartsPlan:
    opened, name = main.opened, main.opened.name
    if not opened.has_face[main.rows.train].any():
        raise OptionError(
            f"regions: from: parts: {name} has no landmarks of its training images; wsegs landmarks finds them, and"
            " wsegs train RECIPE landmarks.h5, or --landmarks, takes them"
        )
    mean = mean_points(opened, main.rows.train, size)
    if mean is None:
        raise OptionError(
            f"regions: from: parts: faces lie anywhere in crops of the kind '{opened.frame.kind}'; --crop face brings"
            " them to one place"
        )
    points = tuple((round(float(x), 2), round(float(y), 2)) for x, y in mean)
    places = {part: {str(name): place for name, place in own.items()} for part, own in chosen.parts.items()}
    return PartsPlan(places, points)


def _plan_rules(opened: OpenStore, main: ChosenSource) -> RulesPlan:
    store = opened.labelled
    rows = main.rows.train[opened.has_face[main.rows.train]]
    if not len(rows):
        raise OptionError(f"regions: from: rules: {store.path} has no face in its training images")
    mean = store.landmarks[rows].mean(axis=0, dtype=float).round(2)
    return RulesPlan(store.rules.text, store.rules.source, store.size, tuple((float(x), float(y)) for x, y in mean))


def _region_class_maps(chosen: RegionInput, main: ChosenSource) -> ClassMapPlan:
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
    check_run(run)
    plan = read_plan(run / PLAN)
    if [task.kind for task in plan.tasks] != ["parsing"]:
        raise OptionError(f"{run}: expected a run of a parser, got one of '{plan.network.name}'")
    return ParserPlan(run.absolute(), replace(plan.network, trunks=()), plan.tasks[0].outputs)
