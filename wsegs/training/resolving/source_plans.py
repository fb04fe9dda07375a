"""Open and plan the sources of a recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from wsegs.errors import DataError, OptionError
from wsegs.tasks.options import ClassMapOptions
from wsegs.training.plan import (
    SourcePlan,
)
from wsegs.training.recipe import Recipe
from wsegs.training.resolving.chosen import ChosenSource, ChosenTask
from wsegs.training.samples.checks import check_images
from wsegs.training.samples.class_maps import plan_class_maps
from wsegs.training.samples.opening import OpenSource, OpenStore, open_data, open_store, rows_of
from wsegs.training.samples.split import Split

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
        Options that the data set is opened with; see :func:`wsegs.training.samples.opening.open_data`.
    """

    masks: Path | None = None
    data: Path | None = None
    landmarks: Path | None = None
    limit: int | None = None
    crop: str | None = None
    opened: Mapping[str, Any] = field(default_factory=dict)


def hold_out_of(recipe: Recipe, tasks: list[ChosenTask]) -> Literal["people", "images"]:
    """Return whether people or images are held out: images where a task tells people apart, who must be known."""
    chosen = recipe.samples.hold_out
    if chosen == "auto":
        return "images" if any(task.kind.labels == "identity" for task in tasks) else "people"
    return chosen


def choose_main_source(recipe: Recipe, overrides: Overrides, tasks: list[ChosenTask], hold_out: Any) -> ChosenSource:
    """Open the mask store or the data set that the training is about."""
    why = _needs_store(recipe, tasks)
    kind = recipe.samples.source
    if kind == "auto":
        has_masks = overrides.masks is not None or why or (overrides.data is None and DEFAULT_MASKS.exists())
        kind = "store" if has_masks else "data"
    if kind == "data" and why:
        raise OptionError(f"samples: from: data: {why} needs the regions of a mask store; wsegs masks makes one")
    if kind == "store":
        if why and overrides.landmarks is not None and overrides.masks is None:
            raise OptionError(
                f"{overrides.landmarks}: {why} needs the regions of a mask store; wsegs masks draws one from landmarks"
            )
        if recipe.samples.ten_crops is not None:
            raise OptionError("samples: ten_crops: expected images of a data set, got a mask store")
        boxes = overrides.opened.get("boxes")
        for option, value in (("--landmarks", overrides.landmarks), ("--crop", overrides.crop), ("--boxes", boxes)):
            if value is not None:
                raise OptionError(f"{option}: a mask store has landmarks and crops of its own")
        return _source(recipe, open_store(overrides.masks or DEFAULT_MASKS, overrides.data), overrides, hold_out)
    samples = recipe.samples
    _check_ten_crops(recipe)
    opened = open_data(
        overrides.data or DEFAULT_DATA,
        overrides.crop or samples.crop,
        samples.ten_crops or recipe.size,
        landmarks="" if overrides.landmarks is None else str(overrides.landmarks),
        options=dict(overrides.opened),
        zoom=samples.zoom,
        align_eyes=samples.align_eyes,
        margin=samples.margin,
    )
    return _source(recipe, opened, overrides, hold_out)


def unvalidated(main: ChosenSource) -> Iterator[str]:
    """Yield a note where nobody is held out."""
    if not main.rows.held_out:
        yield (
            f"validation_fraction 0: trains on all {len(main.rows.train)} images; scores are of"
            f" {len(main.rows.validation)} of them and say how well these are learnt; best.ckpt is the last"
        )


def unboxed(main: ChosenSource) -> Iterator[str]:
    """Yield a note on images that are not used since their table of boxes has no row of them."""
    opened = main.opened
    if isinstance(opened, OpenStore) or opened.frame.kind != "box":
        return
    without = int((~np.isfinite(opened.boxes).all(axis=1)).sum())
    if without:
        yield f"{without} of {len(opened.boxes)} images of {opened.name} have no box, and are not used"


def _check_ten_crops(recipe: Recipe) -> None:
    """Check that patches fit into the images that they are cut from, and that nothing but images moves with them."""
    whole = recipe.samples.ten_crops
    if whole is None:
        return
    if whole[0] < recipe.size[0] or whole[1] < recipe.size[1]:
        raise OptionError(
            f"samples: ten_crops: expected at least the network's {recipe.size[0]}x{recipe.size[1]} (HxW),"
            f" got {whole[0]}x{whole[1]}"
        )
    if recipe.regions is not None or "parsing" in recipe.losses:
        raise OptionError("samples: ten_crops: expected a training without regions and class maps")


def _needs_store(recipe: Recipe, tasks: list[ChosenTask]) -> str:
    """Return what of a recipe needs the regions of a mask store; empty if nothing does."""
    for task in tasks:
        if task.kind.pixels == "masks":
            return f"the task '{task.name}'"
        if task.kind.pixels == "classes" and (task.options.get("from") == "store" or task.options.get("store")):
            return f"the task '{task.name}'"
    regions = recipe.regions
    return f"regions: from: {regions.source}" if regions is not None and regions.source in ("store", "rules") else ""


def _source(recipe: Recipe, opened: OpenSource, overrides: Overrides, hold_out: Any) -> ChosenSource:
    limit = overrides.limit or 0
    labels, people = recipe.samples.labels or 0, recipe.samples.people
    rows = rows_of(
        opened,
        fraction=recipe.validation_fraction,
        hold_out=hold_out,
        limit=limit,
        labels=labels,
        labels_seed=recipe.seed,
        people=people,
    )
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
        held_out=rows.held_out,
        batch_size=min(recipe.batch_size, len(rows.train)),
        labels=labels,
        labels_seed=recipe.seed if labels else 0,
        ten_crops=not store and recipe.samples.ten_crops is not None,
        people=people,
        together=recipe.samples.together,
        alone=_people_alone(opened, rows) if recipe.samples.together > 1 else 0,
    )
    return ChosenSource(opened, rows, plan)


def _people_alone(opened: OpenSource, rows: Split) -> int:
    """Return of how many people there is one image to train on; raise a DataError if it is so of all."""
    identity = opened.labelled.identity[rows.train]
    images = np.unique(identity[identity >= 0], return_counts=True)[1]
    alone = int((images == 1).sum())
    if alone == len(images):
        raise DataError(
            f"{opened.name}: expected several images of a person for losses of pairs (samples: together), and each of"
            f" the {alone} people to train on has one image"
        )
    return alone


def _plain(value: Any) -> Any:
    return str(value.absolute()) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value


def with_parsing_source(recipe: Recipe, parsing: ChosenTask, main: ChosenSource) -> list[ChosenSource]:
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
