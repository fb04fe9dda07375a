"""What a training reads beside images and labels: class maps to learn from, and regions for networks that want them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from torch import nn

from wsegs.errors import OptionError
from wsegs.nets import network_wants
from wsegs.rules.tuning.class_map import load_classes
from wsegs.store import MaskStore
from wsegs.store.images import find_image_root
from wsegs.tasks.region_sources import KnownRegions, LandmarkBoxes, ParsedRegions, RegionSource, box_names
from wsegs.training.class_maps import ClassMaps, HumanClasses, RegionClasses, human_classes, region_classes
from wsegs.training.recipe import ClassSource, Recipe, RegionInput
from wsegs.training.runs import ParserInfo, load_parser
from wsegs.training.split import Split, split_rows


@dataclass(frozen=True)
class ImageSet:
    """A mask store whose images are trained on: the store, where its images are, which rows."""

    store: MaskStore
    root: Path
    split: Split


@dataclass(frozen=True)
class TrainingInputs:
    """What a recipe asks for beside images and labels.

    Attributes
    ----------
    class_maps
        Of the training's own images; None where nothing reads any.
    class_names
        What a network that parses tells apart; else empty.
    region_names
        What a network that wants regions reads; else empty.
    parsing_set
        The images with the class maps to learn from, where they are others, and those class maps.
    """

    class_maps: ClassMaps | None = None
    class_names: tuple[str, ...] = ()
    region_names: tuple[str, ...] = ()
    parsing_set: tuple[ImageSet, ClassMaps] | None = None
    region_input: RegionInput | None = None
    parser: nn.Module | None = field(default=None, repr=False)
    parser_info: ParserInfo | None = None

    @property
    def painted(self) -> list[int] | None:
        """In which order the regions of a store were painted over each other; None of other class maps."""
        maps = self.class_maps if self.parsing_set is None else self.parsing_set[1]
        return list(maps.order) if isinstance(maps, RegionClasses) else None

    def region_sources(
        self, image_size: tuple[int, int], size: tuple[int, int]
    ) -> tuple[RegionSource | None, RegionSource | None]:
        """Return what draws the regions of new images, and what does so in training where that is something else.

        Parameters
        ----------
        image_size
            (H, W) of the network's images.
        size
            (h, w) in which it wants the regions.
        """
        chosen = self.region_input
        if chosen is None:
            return None, None
        if chosen.source == "landmarks":
            return LandmarkBoxes(image_size, size, chosen.box_area, chosen.aspects), None
        parsed = None
        if self.parser is not None:
            assert self.parser_info is not None
            parsed = ParsedRegions(self.parser, self.parser_info.size, self.region_names, size, hard=chosen.parsed_hard)
        return parsed, None if chosen.source == "parser" else KnownRegions(self.region_names, size)


def read_inputs(recipe: Recipe, images: ImageSet) -> TrainingInputs:
    """Return what a recipe asks for beside images and labels.

    Raises
    ------
    OptionError
        If the network needs regions or class maps and the recipe does not say where from, or they do not fit.
    MissingError, DataError
        If files of them are missing or damaged.
    """
    name = recipe.network.name
    wants_regions = network_wants(name, "regions")
    if wants_regions and recipe.regions is None:
        raise OptionError(f"network '{name}' reads regions: expected a field 'regions' in its recipe, got none")
    if recipe.parses and wants_regions:
        raise OptionError(f"network '{name}' reads regions, so it cannot learn to parse them")
    if recipe.parses:
        return _parsing_inputs(recipe, images)
    return _region_inputs(recipe.regions, images) if wants_regions and recipe.regions else TrainingInputs()


def _parsing_inputs(recipe: Recipe, images: ImageSet) -> TrainingInputs:
    truth = recipe.parsing
    if truth is None:
        raise OptionError(
            "losses: parsing needs class maps: expected a field 'parsing' in the recipe; --truth DIR or --from-store"
            " say where they are"
        )
    if truth.store is None:
        maps = read_class_maps(truth, images, "parsing")
        return TrainingInputs(class_maps=maps, class_names=maps.names)
    store = MaskStore(truth.store)
    other = ImageSet(store, find_image_root(store, None), split_rows(store, recipe.validation_fraction))
    maps = read_class_maps(truth, other, "parsing")
    return TrainingInputs(class_names=maps.names, parsing_set=(other, maps))


def _region_inputs(chosen: RegionInput, images: ImageSet) -> TrainingInputs:
    parser, info = (None, None) if chosen.parser is None else load_parser(chosen.parser)
    if chosen.source == "landmarks":
        return TrainingInputs(region_names=box_names(chosen.aspects), region_input=chosen)
    if chosen.source == "parser":
        if info is None:
            raise OptionError("regions: from: parser: expected the run of a parser, got none; --parser RUN names it")
        return TrainingInputs(region_names=info.class_names, region_input=chosen, parser=parser, parser_info=info)
    source = ClassSource.model_validate({"from": chosen.source, "truth": chosen.truth, "classes": chosen.classes})
    maps = read_class_maps(source, images, "regions")
    if info is not None and info.class_names != maps.names:
        raise OptionError(
            f"--parser {chosen.parser}: expected a parser of the regions {', '.join(maps.names)},"
            f" got one of {', '.join(info.class_names)}"
        )
    return TrainingInputs(
        class_maps=maps, region_names=maps.names, region_input=chosen, parser=parser, parser_info=info
    )


def read_class_maps(
    source: ClassSource, images: ImageSet, part: str, *, order: Sequence[int] | None = None, fill: bool = True
) -> RegionClasses | HumanClasses:
    """Return the class maps of images, all of which have one.

    Parameters
    ----------
    source
        Where they come from.
    images
    part
        The part of the recipe that says so, for messages.
    order
        In which the regions of a store are painted; None finds it from the training images.
    fill
        What lies outside of a photo is background, where masks are human; False leaves it unknown.

    Raises
    ------
    OptionError
        If the folder of human masks is not given.
    MissingError, DataError
        If masks are missing or damaged.
    """
    if source.source == "store":
        if order is not None:
            return RegionClasses(images.store, ("background", *images.store.region_names), tuple(order))
        return region_classes(images.store, images.split.train)
    if source.truth is None:
        raise OptionError(f"{part}: from: masks: expected the folder of human masks, got none; --truth DIR names it")
    maps = human_classes(images.store, images.root, source.truth, load_classes(source.classes), fill=fill)
    maps.check(np.concatenate([images.split.train, images.split.validation]))
    return maps
