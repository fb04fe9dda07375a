"""Masks of where attributes are: the regions of rules, or human parsing masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.index import FaceDataset
from wsegs.datasets.parsing import has_mask
from wsegs.errors import DataError, MissingError, OptionError, RuleError, WsegsError
from wsegs.evaluation.images import OpenImages
from wsegs.evaluation.region_readers import MEAN_FACE, ClassMapReader, RegionReader, RulesReader, StoreReader, rows_in
from wsegs.evaluation.runs import Run
from wsegs.landmarks.table import LandmarkTable
from wsegs.rules import AttributeLookup, RuleSet, compile_rules, load_rules
from wsegs.rules.language.region_expressions import bits_of
from wsegs.rules.tuning.class_map import load_classes
from wsegs.store import MaskStore
from wsegs.training.samples.class_maps import HumanClasses
from wsegs.training.samples.opening import landmarks_by_name

RULES, HUMAN = "rules", "human masks"


@dataclass(frozen=True, eq=False)
class AttributeMasks:
    """Where each attribute may lie in the images of a data set, whatever their labels; pickles.

    Attributes
    ----------
    name
        :data:`RULES` or :data:`HUMAN`.
    source
        The rules, the store or the folder, for the record.
    reader
        Of the regions, by position in the data set.
    lookup
        From regions to attributes.
    attributes
        Names that have a region; those of ``lookup``.
    landmarks
        (N, P, 2) of the data set, where the reader draws from them; else None.
    """

    name: str
    source: str
    reader: RegionReader
    lookup: AttributeLookup
    landmarks: NDArray[np.float32] | None = None

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes that have a region."""
        return self.lookup.attribute_names

    def read(
        self, position: int, image_size: tuple[int, int], matrix: NDArray[np.floating]
    ) -> NDArray[np.int64] | None:
        """Return region integers, int64 (h, w); None of an image whose face or mask is not known.

        Parameters
        ----------
        position
            In the data set.
        image_size
            (H, W) of the image.
        matrix
            (2, 3), from the image to the crop.
        """
        landmarks = None if self.landmarks is None else self.landmarks[position]
        regions, source = self.reader.read(position, image_size, matrix, landmarks)
        return None if source == MEAN_FACE else regions


def open_masks(
    run: Run,
    opened: OpenImages,
    size: tuple[int, int],
    *,
    store: Path | None = None,
    human: Path | None = None,
    class_map: str = "celebamask",
) -> tuple[AttributeMasks, ...]:
    """Open the masks that a run's maps are measured by.

    Parameters
    ----------
    run
        Its training's rules are the rules, unless ``store`` has others.
    opened
        The images, and maybe their landmarks or the mask store that they are in.
    size
        (h, w) of the maps.
    store
        A mask store of these images.
    human, class_map
        A folder of human parsing masks, joined by file name, and what their classes are.

    Raises
    ------
    OptionError
        If there are no masks of these images.
    DataError, MissingError
        If a file cannot be read, or has none of the images.
    """
    stored = MaskStore(store) if store is not None else opened.store or _training_store(run, opened.dataset)
    found = []
    if stored is not None:
        found.append(_of_store(run, opened.dataset, stored, size))
    elif opened.landmarks is not None:
        found.append(_of_rules(run, opened.dataset, opened.landmarks, size))
    elif human is None:
        raise OptionError(
            f"--where: no masks of the images of {opened.dataset.root} are known: expected --where-masks, a mask store"
            " of them, --landmarks, by which the rules of the training draw them, or --parsing-masks"
        )
    if human is not None:
        found.append(_of_people(run, opened.dataset, human, class_map, size, _rules_of(run, stored)))
    return tuple(found)


def _of_store(run: Run, dataset: FaceDataset, store: MaskStore, size: tuple[int, int]) -> AttributeMasks:
    rows = rows_in(store, dataset.images, "--where-masks")
    reader = StoreReader(store, rows, tuple(range(len(store.region_names))), run.crop_size, size)
    return AttributeMasks(RULES, str(store.path), reader, _lookup(store.rules, run.attribute_names))


def _of_rules(run: Run, dataset: FaceDataset, table: LandmarkTable, size: tuple[int, int]) -> AttributeMasks:
    rules = _rules_of(run, None)
    landmarks = table.scheme.convert(landmarks_by_name(table, dataset), rules.scheme)
    reader = RulesReader(rules, run.crop_size, run.crop_size, size)
    return AttributeMasks(RULES, rules.source, reader, _lookup(rules, run.attribute_names), landmarks)


def _of_people(
    run: Run, dataset: FaceDataset, folder: Path, class_map: str, size: tuple[int, int], rules: RuleSet
) -> AttributeMasks:
    """Return human masks as the regions of rules, of the attributes all of whose regions people have drawn."""
    if not folder.is_dir():
        raise MissingError(f"{folder}: no such folder; --parsing-masks names one of human parsing masks")
    classes = load_classes(class_map)
    maps = HumanClasses(dataset.images, str(dataset.root), folder, classes, fill=False)
    there = [position for position in range(len(dataset)) if has_mask(maps.file(position))]
    if not there:
        raise DataError(f"--parsing-masks {folder}: has no mask of the {len(dataset)} images, such as {maps.file(0)}")
    names = tuple(classes.regions)
    places = tuple(names.index(name) if name in names else -1 for name in rules.region_names)  # -1 is no class
    drawn = sum(1 << bit for bit, place in enumerate(places) if place >= 0)
    known = [name for name in run.attribute_names if (bits := _bits(rules, name)) and not bits & ~drawn]
    if not known:
        raise OptionError(
            f"--parsing-masks: the regions of {class_map} ({', '.join(names)}) make up no attribute of {rules.source}"
        )
    reader = ClassMapReader(maps, places, run.crop_size, size)
    return AttributeMasks(HUMAN, str(folder), reader, rules.lookup(known))


def _training_store(run: Run, dataset: FaceDataset) -> MaskStore | None:
    """Return the store of a run's training if it is there yet and has images of a data set."""
    source = run.plan.main
    if source.kind == "data" or not source.path.is_file():
        return None
    try:
        store = MaskStore(source.path)
        rows_in(store, dataset.images, "--where-masks")
    except WsegsError:
        return None
    return store


def _rules_of(run: Run, store: MaskStore | None) -> RuleSet:
    """Return the rules of a store, else those of a run's training, else ``celeba``."""
    if store is not None:
        return store.rules
    if run.plan.regions is not None and run.plan.regions.rules is not None:
        return compile_rules(run.plan.regions.rules.text, run.plan.regions.rules.source)
    source = run.plan.main
    if source.kind != "data" and source.path.is_file():
        return MaskStore(source.path).rules
    return load_rules("celeba")


def _lookup(rules: RuleSet, names: Sequence[str]) -> AttributeLookup:
    """Return the attributes of a run that have regions."""
    known = [name for name in names if _bits(rules, name)]
    if not known:
        raise RuleError(f"{rules.source}: has no region for any attribute of the run")
    return rules.lookup(known)


def _bits(rules: RuleSet, name: str) -> int:
    """Return the bits of an attribute's regions; 0 where the rules have none for it."""
    rule = rules.program.attributes.get(name, rules.program.default)
    return 0 if rule is None else bits_of(rule.regions)
