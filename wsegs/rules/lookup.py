"""From region integers to attribute masks: a look-up table, or the same by bit arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from wsegs.rules.drawing.program import ALWAYS, AttributeRule
from wsegs.rules.language.region_expressions import AnyOf, RegionExpression, mask_for

MAX_TABLE_REGIONS = 16


class AttributeLookup:
    """The masks of A attributes as functions of a pixel's region integer and of an image's labels.

    Attributes
    ----------
    attribute_names
        The attributes, in order.
    label
        int8 (A,): the label for which a mask is drawn: 1 present, 0 absent, 2 always.
    table
        bool (A, 2**R): entry [a, v] says whether a pixel with region integer v belongs to attribute a. None for
        more than 16 regions.
    """

    def __init__(self, attribute_names: Sequence[str], rules: Sequence[AttributeRule], regions: int) -> None:
        self.attribute_names = tuple(attribute_names)
        self.label = np.array([rule.label for rule in rules], dtype=np.int8)
        self._expressions = tuple(rule.regions for rule in rules)
        # Attributes with the same expression (ten of CelebA's are the hair) are computed once.
        distinct = list(dict.fromkeys(self._expressions))
        self._groups = [
            (expression, [a for a, other in enumerate(self._expressions) if other == expression])
            for expression in distinct
        ]
        self._group_of = [distinct.index(expression) for expression in self._expressions]
        self.table: np.ndarray | None = None
        if regions <= MAX_TABLE_REGIONS:
            self.table = self.coverage(np.arange(1 << regions, dtype=np.uint32))

    def evaluate(self, attribute: int, regions: Any) -> Any:
        """Return where one attribute may lie, labels ignored.

        Parameters
        ----------
        attribute
            Its position in ``attribute_names``.
        regions
            Unsigned integers of any shape, as a numpy array, or a torch tensor (int64).

        Returns
        -------
        Booleans of the same shape and library.
        """
        return self._expressions[attribute].evaluate(regions)

    def coverage(self, regions: np.ndarray) -> np.ndarray:
        """Return where every attribute may lie, labels ignored.

        Parameters
        ----------
        regions
            Unsigned integers (...), for example (H, W).

        Returns
        -------
        bool (A, ...)
        """
        regions = np.asarray(regions)
        result = np.empty((len(self.attribute_names), *regions.shape), dtype=bool)
        for expression, members in self._groups:
            result[members] = expression.evaluate(regions)
        return result

    def drawn(self, labels: np.ndarray) -> np.ndarray:
        """Return which masks are drawn for labels (..., A) of 1, 0 and -1 (unknown: only ``always`` ones)."""
        drawn: np.ndarray = (np.asarray(labels) == self.label) | (self.label == ALWAYS)
        return drawn

    def expand(self, regions: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the masks of images.

        Parameters
        ----------
        regions
            Unsigned integers (..., H, W).
        labels
            int8 (..., A): 1 present, 0 absent, -1 unknown.

        Returns
        -------
        bool (..., A, H, W)
        """
        regions, drawn = np.asarray(regions), self.drawn(labels)
        attributes = len(self.attribute_names)
        if drawn.shape != (*regions.shape[:-2], attributes):
            raise ValueError(
                f"labels of shape {(*regions.shape[:-2], attributes)} expected for regions of shape {regions.shape},"
                f" got {np.shape(labels)}"
            )
        height, width = regions.shape[-2:]
        result = np.zeros((math.prod(drawn.shape[:-1]), attributes, height, width), dtype=bool)
        images = regions.reshape(len(result), height, width)
        tests = [_bit_test(expression, regions.dtype) for expression, _ in self._groups]
        scratch = np.empty((height, width), regions.dtype)
        # Image by image, so that a plane stays in the processor's cache; only masks that are drawn are written.
        for image, masks, wanted in zip(images, result, drawn.reshape(len(result), attributes), strict=True):
            planes: dict[int, np.ndarray] = {}
            for attribute in wanted.nonzero()[0].tolist():
                group, plane = self._group_of[attribute], masks[attribute]
                if group in planes:
                    plane[...] = planes[group]
                    continue
                planes[group] = plane
                bits = tests[group]
                if bits is None:
                    plane[...] = self._groups[group][0].evaluate(image)
                else:  # what evaluate does for a union of regions, without an array for each step
                    np.bitwise_and(image, bits, out=scratch)
                    np.not_equal(scratch, 0, out=plane)
        return result.reshape(*drawn.shape, height, width)


def _bit_test(expression: RegionExpression, dtype: np.dtype[Any]) -> np.ndarray | None:
    """Return the bits of a union of regions as an integer of ``dtype``; None for other expressions."""
    return mask_for(expression.bits, np.empty(0, dtype)) if isinstance(expression, AnyOf) else None
