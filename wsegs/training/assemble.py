"""The parts of a training: its module and its loaders, from a recipe and the images it is trained on."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch

from wsegs.nets import build_network
from wsegs.tasks.losses import class_weights
from wsegs.training.cache import RowCache
from wsegs.training.class_maps import ClassMaps
from wsegs.training.data import FaceData
from wsegs.training.dataset import FaceCrops
from wsegs.training.initial_weights import take_weights
from wsegs.training.module import AttributeModule
from wsegs.training.recipe import Recipe
from wsegs.training.region_inputs import ImageSet, TrainingInputs
from wsegs.training.schedule import Budget, plan_beside

# Crops and regions of up to so many bytes are kept, so that an image is decoded once and not once an epoch.
_CACHE_BYTES = 2 << 30


def build_module(recipe: Recipe, budget: Budget, images: ImageSet, inputs: TrainingInputs) -> AttributeModule:
    """Return the network of a recipe, as the seed or an earlier run begins it, with losses and source of regions."""
    store, split = images.store, images.split
    torch.manual_seed(recipe.seed)
    network = build_network(
        recipe.network.name,
        size=recipe.size,
        attributes=len(store.attribute_names),
        classes=len(inputs.class_names) or None,
        regions=inputs.region_names or None,
        **recipe.network.options,
    )
    if recipe.start_from is not None:
        attributes = tuple(store.attribute_names) if recipe.recognises else ()
        take_weights(
            network, recipe.start_from, attributes=attributes, classes=inputs.class_names, regions=inputs.region_names
        )
    regions = known = None
    if inputs.region_names:
        regions, known = inputs.region_sources(recipe.size, network.region_size)  # type: ignore[arg-type]
    return AttributeModule(
        network,
        recipe,
        budget,
        store.attribute_names,
        lookup=store.lookup if "segmentation" in recipe.losses else None,
        label_weights=class_weights(store.attributes[split.train]) if recipe.balance == "class" else None,
        regions=regions,
        known_regions=known,
        classes=len(inputs.class_names),
    )


def build_loaders(
    stack: ExitStack,
    recipe: Recipe,
    budget: Budget,
    images: ImageSet,
    inputs: TrainingInputs,
    module: AttributeModule,
    *,
    workers: int,
    cache: bool | None,
) -> FaceData:
    """Return the loaders of a training, those of a second data set within them.

    Parameters
    ----------
    stack
        Closes the temporary files of the cache.
    recipe, budget, images, inputs
        What is trained on.
    module
        Its network says at what size it wants masks and regions.
    workers
        Processes that read.
    cache
        Keep what was read once; None does so where it takes up to 2 GiB.
    """
    map_size: tuple[int, int] | None = module.network.map_size if "segmentation" in recipe.losses else None  # type: ignore[assignment]
    class_size = recipe.size if recipe.parses else getattr(module.network, "region_size", None)
    parsing = None
    if inputs.parsing_set is not None:
        other, class_maps = inputs.parsing_set
        crops = _build_crops(stack, recipe.size, other, None, class_maps, class_size, cache)
        beside = plan_beside(budget, recipe.batch_size, len(other.split.train))
        parsing = FaceData(crops, other.split, beside, seed=recipe.seed, flips=recipe.flips, workers=workers)
    crops = _build_crops(stack, recipe.size, images, map_size, inputs.class_maps, class_size, cache)
    return FaceData(crops, images.split, budget, seed=recipe.seed, flips=recipe.flips, workers=workers, parsing=parsing)


def _build_crops(
    stack: ExitStack,
    size: tuple[int, int],
    images: ImageSet,
    map_size: tuple[int, int] | None,
    class_maps: ClassMaps | None,
    class_size: tuple[int, int] | None,
    cache: bool | None,
) -> FaceCrops:
    """Return the crops of some images, kept in a temporary file if they are few enough or that is wanted."""
    store = images.store
    bytes_a_row = size[0] * size[1] * 3
    if map_size is not None:
        bytes_a_row += map_size[0] * map_size[1] * store.rules.dtype.itemsize
    if class_maps is not None and class_size is not None:
        bytes_a_row += class_size[0] * class_size[1]
    wanted = cache if cache is not None else len(store) * bytes_a_row <= _CACHE_BYTES
    crops = regions = classes = None
    if wanted:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wsegs-crops-")))
        crops = RowCache(folder / "crops", len(store), (*size, 3), np.dtype(np.uint8))
        if map_size is not None:
            regions = RowCache(folder / "regions", len(store), map_size, store.rules.dtype)
        if class_maps is not None and class_size is not None:
            classes = RowCache(folder / "classes", len(store), class_size, np.dtype(np.uint8))
    return FaceCrops(
        store,
        images.root,
        size,
        map_size,
        crops,
        regions,
        class_maps=class_maps,
        class_size=class_size or (0, 0),
        classes=classes,
    )
