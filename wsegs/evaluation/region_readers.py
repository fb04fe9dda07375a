"""Regions of new images, for runs that read features by region: drawn from landmarks, from a mask store, class maps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.parsing import has_mask
from wsegs.errors import DataError, OptionError
from wsegs.evaluation.known_faces import KnownFace, find_face
from wsegs.evaluation.runs import Run
from wsegs.geometry.matrices import compose, invert, scale_affine, transform_points
from wsegs.geometry.warp import warp_nearest
from wsegs.io.files import did_you_mean
from wsegs.landmarks.image_sizes import check_size
from wsegs.nets.layers.region_sources import DrawnRegions, NamedRegions
from wsegs.rules import RuleSet, compile_rules
from wsegs.rules.tuning.class_map import load_classes
from wsegs.schemes import IBUG68, LandmarkScheme
from wsegs.store import MaskStore
from wsegs.training.resolving.region_plans import plan_parser
from wsegs.training.run_folder import INFO
from wsegs.training.samples.class_maps import HumanClasses
from wsegs.training.weights import load_parser


class RegionReader(Protocol):
    """Regions by position in a data set; pickles, so that workers can read."""

    @property
    def scheme(self) -> LandmarkScheme | None:
        """The landmarks that it draws from; None where it needs none."""

    def read(
        self,
        position: int,
        image_size: tuple[int, int],
        matrix: NDArray[np.floating],
        landmarks: NDArray[np.floating] | None,
    ) -> tuple[NDArray[np.int64], str]:
        """Return region integers, int64 (h, w), and where they come from.

        Parameters
        ----------
        position
            In the data set.
        image_size
            (H, W) of the image.
        matrix
            (2, 3), from the image to the crop.
        landmarks
            (P, 2) of :attr:`scheme`, x and y in pixels of the image; None or nan where there is no face.
        """


@dataclass(frozen=True)
class RulesReader:
    """Draws regions as the mask store of the training had them.

    Attributes
    ----------
    rules
        Of the training.
    drawn_size, crop_size, size
        (H, W) in which they draw, of the crops, and of the regions.
    """

    rules: RuleSet
    drawn_size: tuple[int, int]
    crop_size: tuple[int, int]
    size: tuple[int, int]

    @property
    def scheme(self) -> LandmarkScheme:
        """That of the rules."""
        return self.rules.scheme

    def read(
        self,
        position: int,
        image_size: tuple[int, int],
        matrix: NDArray[np.floating],
        landmarks: NDArray[np.floating] | None,
    ) -> tuple[NDArray[np.int64], str]:
        """Return the regions of a face; see :class:`RegionReader`."""
        if landmarks is None or not np.isfinite(landmarks).all():
            return np.zeros(self.size, np.int64), MEAN_FACE
        into_frame = scale_affine(np.asarray(matrix), self.crop_size, self.drawn_size)
        placed = transform_points(np.asarray(landmarks, np.float32)[None], into_frame[None])
        return self.rules.draw_resized(placed, self.drawn_size, self.size)[0], "landmarks"


@dataclass(frozen=True)
class StoreReader:
    """Takes regions from a mask store, by the names of the images.

    Attributes
    ----------
    store
    rows
        (N,) rows of the images; -1 where the store has none.
    bits
        (R,) which bit of the store each region of the run is.
    crop_size, size
        (H, W) of the crops, and of the regions.
    """

    store: MaskStore
    rows: NDArray[np.intp]
    bits: tuple[int, ...]
    crop_size: tuple[int, int]
    size: tuple[int, int]
    scheme = None

    def read(
        self,
        position: int,
        image_size: tuple[int, int],
        matrix: NDArray[np.floating],
        landmarks: NDArray[np.floating] | None,
    ) -> tuple[NDArray[np.int64], str]:
        """Return the regions of an image; see :class:`RegionReader`."""
        row = int(self.rows[position])
        if row < 0 or self.store.status[row] == 0:
            return np.zeros(self.size, np.int64), MEAN_FACE
        check_size(Path(self.store.images[row]), image_size[::-1], self.store.image_sizes[row], str(self.store.path))
        into_regions = scale_affine(np.asarray(matrix), self.crop_size, self.size)
        between = compose(into_regions, invert(self.store.affine[row]))
        stored = warp_nearest(self.store.regions([row])[0], between, self.size, 0, np.bitwise_or).astype(np.int64)
        return _reordered(stored, self.bits), "mask store"


@dataclass(frozen=True)
class ClassMapReader:
    """Takes regions from class maps: one class a pixel.

    Attributes
    ----------
    maps
        Of N images.
    bits
        (R,) which class each region of the run is.
    crop_size, size
        (H, W) of the crops, and of the regions.
    """

    maps: HumanClasses
    bits: tuple[int, ...]
    crop_size: tuple[int, int]
    size: tuple[int, int]
    scheme = None

    def read(
        self,
        position: int,
        image_size: tuple[int, int],
        matrix: NDArray[np.floating],
        landmarks: NDArray[np.floating] | None,
    ) -> tuple[NDArray[np.int64], str]:
        """Return the regions of an image; see :class:`RegionReader`."""
        if not has_mask(self.maps.file(position)):
            return np.zeros(self.size, np.int64), MEAN_FACE
        into_regions = scale_affine(np.asarray(matrix), self.crop_size, self.size)
        classes = self.maps.read(position, self.size, into_regions, image_size)
        drawn = np.zeros(self.size, np.int64)
        for region, number in enumerate(self.bits):
            drawn[classes == number] |= 1 << region
        return drawn, "class maps"


@dataclass(frozen=True)
class RowsReader:
    """The regions of some images of a data set.

    Attributes
    ----------
    reader
        Of all of them.
    rows
        (N,) positions in the data set.
    """

    reader: RegionReader
    rows: NDArray[np.intp]

    @property
    def scheme(self) -> LandmarkScheme | None:
        """The landmarks that it draws from; None where it needs none."""
        return self.reader.scheme

    def read(
        self,
        position: int,
        image_size: tuple[int, int],
        matrix: NDArray[np.floating],
        landmarks: NDArray[np.floating] | None,
    ) -> tuple[NDArray[np.int64], str]:
        """Return the regions of an image; see :class:`RegionReader`."""
        return self.reader.read(int(self.rows[position]), image_size, matrix, landmarks)


MEAN_FACE = "mean face"
"""Where the regions of an image without a face come from."""


def rules_reader(run: Run) -> RulesReader | None:
    """Return what draws the regions of a run's new images from landmarks; None where something else does."""
    regions = run.plan.regions
    if regions is None or regions.rules is None or not isinstance(run.regions, DrawnRegions):
        return None
    rules = compile_rules(regions.rules.text, regions.rules.source)
    size: tuple[int, int] = run.network.region_size  # type: ignore[assignment]
    return RulesReader(rules, regions.rules.size, run.size, size)


def open_regions(
    run: Run, source: Path, class_map: str, images: Sequence[str]
) -> tuple[Run, StoreReader | ClassMapReader | None]:
    """Open another source of a run's regions than its own.

    Parameters
    ----------
    run
        Reads features by region.
    source
        A mask store, the run of a parser, or a folder of class maps.
    class_map
        Of a folder of class maps.
    images
        Names of the images.

    Returns
    -------
    The run, whose regions a parser may draw now; and what reads the regions otherwise.

    Raises
    ------
    OptionError, DataError, MissingError
        If there is no such source, or it lacks a region or all of the images.
    """
    _check_reads_drawn(run)
    if (source / INFO).is_file():
        return replace(run, regions=_parsed_regions(run, source)), None
    if source.is_dir():
        return run, class_map_reader(run, source, class_map, images)
    return run, store_reader(run, MaskStore(source), images)


def _parsed_regions(run: Run, source: Path) -> NamedRegions:
    parser = plan_parser(source)
    places = _places(run, parser.class_names, str(source))
    size: tuple[int, int] = run.network.region_size  # type: ignore[assignment]
    return NamedRegions(load_parser(parser, size, hard=True), run.region_names, places)


def store_reader(run: Run, store: MaskStore, images: Sequence[str]) -> StoreReader:
    """Return what takes the regions of images from a mask store.

    Raises
    ------
    OptionError
        If the run reads no drawn regions, or the store lacks one of them.
    DataError
        If it has none of the images.
    """
    rows = rows_in(store, images, "--regions")
    bits = _places(run, store.region_names, str(store.path))
    return StoreReader(store, rows, bits, run.size, run.network.region_size)  # type: ignore[arg-type]


def rows_in(store: MaskStore, images: Sequence[str], option: str) -> NDArray[np.intp]:
    """Return the rows of images in a mask store by their names, (N,); -1 where it has none.

    Raises
    ------
    DataError
        If it has none of them; ``option`` named it.
    """
    known = _by_last_name(store.images) | {name: row for row, name in enumerate(store.images)}
    rows = np.array([known.get(name, -1) for name in images], np.intp)
    if (rows < 0).all():
        raise DataError(f"{option} {store.path}: has none of the {len(images)} images; the first is '{images[0]}'")
    return rows


def class_map_reader(run: Run, folder: Path, class_map: str, images: Sequence[str]) -> ClassMapReader:
    """Return what takes the regions of images from class maps: PNG files named as the images.

    Raises
    ------
    OptionError
        If the run reads no drawn regions, or the class map lacks one of them.
    DataError
        If the folder has none of the images.
    """
    classes = load_classes(class_map)
    folder = folder / "masks" if (folder / "masks").is_dir() else folder
    maps = HumanClasses(tuple(images), str(folder), folder, classes, fill=False)
    if not any(has_mask(maps.file(position)) for position in range(len(images))):
        raise DataError(
            f"--regions {folder}: has no class map of the {len(images)} images, such as {maps.file(0).name}"
        )
    bits = _places(run, tuple(classes.regions), f"class map {class_map}")
    return ClassMapReader(maps, bits, run.size, run.network.region_size)  # type: ignore[arg-type]


def _by_last_name(names: Sequence[str]) -> dict[str, int]:
    """Return the rows of names by their last part, without those that several have."""
    last = [PurePosixPath(name).name for name in names]
    several = {name for name, count in Counter(last).items() if count > 1}
    return {name: row for row, name in enumerate(last) if name not in several}


def _check_reads_drawn(run: Run) -> None:
    if run.plan.regions is None or run.plan.regions.rules is None:
        raise OptionError(f"--regions: {run.path} reads no regions that rules drew, so they cannot come from elsewhere")


def _places(run: Run, names: Sequence[str], source: str) -> tuple[int, ...]:
    for name in run.region_names:
        if name not in names:
            raise OptionError(
                f"--regions: {run.path} reads the region '{name}', which {source} does not have"
                f"{did_you_mean(name, tuple(names))}"
            )
    return tuple(names.index(name) for name in run.region_names)


def _reordered(stored: NDArray[np.int64], bits: Sequence[int]) -> NDArray[np.int64]:
    if tuple(bits) == tuple(range(len(bits))) and not (stored >> len(bits)).any():
        return stored
    drawn = np.zeros_like(stored)
    for region, bit in enumerate(bits):
        drawn |= ((stored >> bit) & 1) << region
    return drawn


def find_landmarks(
    image: NDArray[np.uint8], scheme: LandmarkScheme, face: KnownFace | None = None
) -> NDArray[np.float32] | None:
    """Return the landmarks of an image's face, (P, 2), x and y in its pixels; None if there is none."""
    found = find_face(image, face).landmarks
    return None if found is None else np.asarray(IBUG68.convert(found[None], scheme)[0], np.float32)


def check_detectable(run: Run, reader: RegionReader | None) -> None:
    """Check that the landmarks that a run draws its regions from can be found on the fly.

    Raises
    ------
    OptionError
        If they are of a scheme that the detectors do not have.
    """
    if reader is None or reader.scheme is None:
        return
    try:
        IBUG68.convert(np.zeros((0, IBUG68.count, 2), np.float32), reader.scheme)
    except DataError:
        raise OptionError(
            f"{run.path}: its regions are drawn from landmarks of {reader.scheme.name}, which are not found on the fly;"
            " --landmarks names a table of them"
        ) from None
