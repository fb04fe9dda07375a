"""Class maps: one class a pixel, for parsers to learn and as known regions.

They come from a store's base regions or from human parsing masks. Base regions may overlap, while a parser's softmax
gives one class a pixel: the smaller region is painted over the larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.index import FaceDataset
from wsegs.datasets.parsing import check_mask_shape, has_mask, mask_file, parsing_size, read_parsing
from wsegs.errors import DataError, MissingError, OptionError
from wsegs.geometry.matrices import compose, invert, scale_affine
from wsegs.geometry.warp import warp_classes, warp_nearest
from wsegs.nets import IGNORE_INDEX
from wsegs.rules.tuning.class_map import OUTSIDE, ClassMap, load_classes
from wsegs.store import MaskStore
from wsegs.tasks.options import ClassMapOptions
from wsegs.training.plan import ClassMapPlan
from wsegs.training.samples.opening import OpenSource
from wsegs.training.samples.split import Split

_SAMPLED = 500  # faces from which the sizes of regions are estimated


class ClassMaps(Protocol):
    """Class maps by row of a source of samples; pickles, so that workers can read."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, at most 255."""

    def read(
        self, row: int, size: tuple[int, int], matrix: NDArray[np.floating], image_size: tuple[int, int]
    ) -> NDArray[np.uint8]:
        """Return the classes of an image, uint8 (h, w), by nearest neighbour; ``IGNORE_INDEX`` where none is known.

        Parameters
        ----------
        row
            Of the source.
        size
            (h, w) of the crop.
        matrix
            (2, 3), from the source image to the crop.
        image_size
            (H, W) of the source image.
        """


@dataclass(frozen=True)
class RegionClasses:
    """The base regions of a store as classes; class 0, ``background``, is where none is.

    An image without a face is unknown.

    Attributes
    ----------
    store
    names
        ``background``, then the store's regions.
    order
        Regions in the order of painting, the largest first.
    """

    store: MaskStore
    names: tuple[str, ...]
    order: tuple[int, ...]

    def read(
        self, row: int, size: tuple[int, int], matrix: NDArray[np.floating], image_size: tuple[int, int]
    ) -> NDArray[np.uint8]:
        """Return the classes of an image; see :class:`ClassMaps`."""
        if self.store.status[row] == 0:
            return np.full(size, IGNORE_INDEX, np.uint8)
        own = scale_affine(self.store.affine[row], self.store.size, size)
        if np.array_equal(own, matrix):
            return paint_regions(self.store.regions([row], size)[0], self.order)
        between = compose(matrix, invert(self.store.affine[row]))  # of a moved crop
        return paint_regions(warp_nearest(self.store.regions([row])[0], between, size, 0, np.bitwise_or), self.order)


def painting_order(store: MaskStore, rows: NDArray[np.intp]) -> tuple[int, ...]:
    """Return the base regions of a store by their mean size on ``rows``, the largest first."""
    found = rows[store.status[rows] != 0]
    if not len(found):
        raise DataError(f"{store.path}: no face in the training images, so no regions to learn from")
    sample = found[np.linspace(0, len(found) - 1, min(_SAMPLED, len(found))).astype(np.intp)]
    bits = store.regions(sample, tuple(max(1, length // 2) for length in store.size))  # type: ignore[arg-type]
    areas = [
        int(((bits >> bits.dtype.type(region)) & bits.dtype.type(1)).sum()) for region in range(len(store.region_names))
    ]
    return tuple(int(region) for region in np.argsort([-area for area in areas], kind="stable"))


def paint_regions(bits: NDArray[np.unsignedinteger], order: Sequence[int]) -> NDArray[np.uint8]:
    """Return classes, uint8, of region integers of the same shape: 0 is no region, r + 1 region r.

    Parameters
    ----------
    bits
        Bit r is set where region r lies.
    order
        Regions; a later one is painted over an earlier.
    """
    classes = np.zeros(bits.shape, np.uint8)
    for region in order:
        classes[bits & bits.dtype.type(1 << region) != 0] = region + 1
    return classes


@dataclass(frozen=True)
class HumanClasses:
    """Human masks of a store's images, joined by file name and warped as the images are.

    Attributes
    ----------
    images
        N names of images.
    source
        What they are of, for messages.
    folder
        Folder of the masks; see :func:`wsegs.datasets.parsing.mask_file`.
    class_map
        Which of their class numbers make up which class.
    fill
        What lies outside of a photo counts as the class of number 0, which is background in all parsing data sets:
        a parser that never learned what black borders are finds eyes there. False leaves it unknown.
    """

    images: tuple[str, ...]
    source: str
    folder: Path
    class_map: ClassMap
    fill: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the class map."""
        return tuple(self.class_map.regions)

    def file(self, row: int) -> Path:
        """Return where the mask of an image lies."""
        return mask_file(self.folder, self.images[row])

    def check(self, rows: NDArray[np.intp]) -> None:
        """Check that every row has its mask, by the files' headers.

        Raises
        ------
        MissingError
            If one has none; the message names the first and counts them.
        DataError
            If a file is not a PNG of class numbers, or none of these is of a class but the background.
        """
        missing = [self.file(row) for row in rows if not has_mask(self.file(row))]
        if missing:
            raise MissingError(
                f"{missing[0]}: no such mask, of an image of {self.source}"
                f" ({len(missing)} of {len(rows)} masks are missing)"
            )
        for row in rows:
            parsing_size(self.file(row))
        values: set[int] = set()
        for row in rows:
            values |= {*np.unique(read_parsing(self.file(row))).tolist()}
            if values & self.class_map.foreground:
                return
        self.class_map.require_known(values, str(self.folder))

    def read(
        self, row: int, size: tuple[int, int], matrix: NDArray[np.floating], image_size: tuple[int, int]
    ) -> NDArray[np.uint8]:
        """Return the classes of an image; see :class:`ClassMaps`."""
        mask = self._table[read_parsing(self.file(row))]
        check_mask_shape(self.file(row), f"'{self.images[row]}'", image_size)
        outside = int(self._table[0]) if self.fill else IGNORE_INDEX
        return warp_classes(mask, matrix, image_size, size, outside)

    @cached_property
    def _table(self) -> NDArray[np.uint8]:
        """From class numbers of the masks to classes."""
        table = np.full(OUTSIDE + 1, IGNORE_INDEX, np.uint8)
        for position, numbers in enumerate(self.class_map.regions.values()):
            table[list(numbers)] = position
        return table


def plan_class_maps(options: ClassMapOptions, source: OpenSource, rows: Split) -> ClassMapPlan:
    """Plan where the class maps of a source's images come from, and check that all of them are there.

    Raises
    ------
    MissingError, DataError
        If parsing masks are missing or damaged.
    OptionError
        If a class number belongs to two classes.
    """
    if options.source == "store":
        store = source.labelled
        assert isinstance(store, MaskStore)
        return ClassMapPlan("store", "", "", ("background", *store.region_names), painting_order(store, rows.train))
    folder, class_map = str(options.parsing_masks), load_classes(options.class_map)
    plan = ClassMapPlan("masks", folder, options.class_map, tuple(class_map.regions))
    maps = open_class_maps(plan, source.labelled, source.name)
    assert isinstance(maps, HumanClasses)
    maps.check(np.concatenate([rows.train, rows.validation]))
    return plan


def open_class_maps(
    plan: ClassMapPlan, labelled: MaskStore | FaceDataset, source: str, *, fill: bool = True
) -> RegionClasses | HumanClasses:
    """Return the class maps of a plan.

    Parameters
    ----------
    plan
        Where they come from.
    labelled, source
        The images, and what to call them in messages.
    fill
        See :class:`HumanClasses`.

    Raises
    ------
    MissingError
        If the folder of human parsing masks is not there.
    OptionError
        If a class number belongs to two classes.
    """
    if plan.source == "store":
        assert isinstance(labelled, MaskStore)
        return RegionClasses(labelled, plan.names, plan.painted)
    folder, class_map = Path(plan.folder), load_classes(plan.class_map)
    if not folder.is_dir():
        raise MissingError(f"{folder}: no such folder, where human parsing masks are expected")
    seen: dict[int, str] = {}
    for name, numbers in class_map.regions.items():
        for number in numbers:
            if seen.setdefault(number, name) != name:
                raise OptionError(
                    f"{class_map.source}: class {number} is in '{seen[number]}' and in '{name}': expected one class"
                    " a pixel"
                )
    return HumanClasses(labelled.images, source, folder, class_map, fill)
