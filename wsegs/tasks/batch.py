"""A mini-batch, and the fields that a task needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SampleFields:
    """Fields of a mini-batch beside its images; those of several tasks are joined by ``|``.

    Attributes
    ----------
    labels
        Names of labels: ``attributes``, ``identity``, or a number or category of the data set.
    regions
        (h, w) of the region integers; None for none.
    classes
        (h, w) of the class maps; None for none.
    """

    labels: frozenset[str] = frozenset()
    regions: tuple[int, int] | None = None
    classes: tuple[int, int] | None = None

    def __or__(self, other: SampleFields) -> SampleFields:
        """Return what either wants.

        >>> SampleFields(regions=(9, 7)) | SampleFields(frozenset({"identity"}))
        SampleFields(labels=frozenset({'identity'}), regions=(9, 7), classes=None)
        """
        return SampleFields(self.labels | other.labels, self.regions or other.regions, self.classes or other.classes)


class Batch(NamedTuple):
    """One mini-batch of B images.

    Attributes
    ----------
    images
        uint8 (B, 3, H, W), RGB; in memory channels are innermost.
    labels
        By name: ``attributes`` int8 (B, A), 1 present, 0 absent, -1 unknown; ``identity`` int64 (B,), -1 unknown;
        categories int64 (B,), -1 unknown; numbers float32 (B,), nan unknown.
    regions
        int32 or int64 (B, h, w): bit r is base region r; None where no task needs masks.
    has_face
        bool (B,): whether the regions were drawn; a row without a face has none.
    flip
        bool (B,): which rows are yet to be mirrored.
    classes
        uint8 (B, h, w): the class of each pixel, ``IGNORE_INDEX`` where it is not known; None where nothing needs them.
    points
        float32 (B, 5, 2): eyes, nose, corners of the mouth, x and y in pixels of the images; nan without a face.
    matrix
        float32 (B, 2, 3): from the source image to the crop, before it is mirrored.
    """

    images: Tensor
    labels: Mapping[str, Tensor]
    regions: Tensor | None
    has_face: Tensor
    flip: Tensor
    classes: Tensor | None
    points: Tensor
    matrix: Tensor

    def part(self, rows: slice) -> Batch:
        """Return some of the rows."""
        return Batch(
            self.images[rows],
            {name: values[rows] for name, values in self.labels.items()},
            None if self.regions is None else self.regions[rows],
            self.has_face[rows],
            self.flip[rows],
            None if self.classes is None else self.classes[rows],
            self.points[rows],
            self.matrix[rows],
        )
