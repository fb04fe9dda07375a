"""Random moves of crops: a turn, a scale and a shift as one 2x3 matrix, and a change of colour.

What lies in a crop follows the matrix: the image, points, region integers and class maps.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsegs.geometry.matrices import compose, resize_affine, turn_affine

_MOVES = 3  # keeps these random numbers apart from those of the order, the flips and the patches
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


class Move(NamedTuple):
    """How one crop is moved.

    Attributes
    ----------
    turn
        Degrees, counter-clockwise about the middle of the crop.
    scale
        By which the face grows about the middle.
    shift
        (x, y) in pixels of the crop, after turn and scale.
    colour
        Factors of brightness, contrast and saturation.
    """

    turn: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def stays(self) -> bool:
        """Whether every pixel stays where it is."""
        return self.turn == 0 and self.scale == 1 and self.shift == (0.0, 0.0)

    def affine(self, size: tuple[int, int]) -> NDArray[np.float64]:
        """Return the matrix (2, 3) from a crop of ``size`` (H, W) to the moved crop.

        >>> Move(shift=(2.0, -1.0)).affine((8, 8)).tolist()
        [[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]]
        """
        matrix, _ = turn_affine(size, self.turn, 1.0)
        height, width = size
        about = np.array([(width - 1) / 2, (height - 1) / 2])
        matrix = compose(np.column_stack([np.eye(2) * self.scale, about * (1 - self.scale)]), matrix)
        matrix[:, 2] += self.shift
        return matrix

    def affine_at(self, size: tuple[int, int], other: tuple[int, int]) -> NDArray[np.float64]:
        """Return the same move of the crop at another size (H, W), to which it was resized from ``size``."""
        if size == other:
            return self.affine(size)
        there, back = (resize_affine(np.array([a]), b)[0] for a, b in ((size, other), (other, size)))
        return compose(there, compose(self.affine(size), back))

    def recoloured(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return an image (H, W, 3), RGB, in other colours: brightness, then contrast, then saturation.

        >>> Move(colour=(0.5, 1.0, 1.0)).recoloured(np.full((1, 1, 3), 100, np.uint8)).tolist()
        [[[50, 50, 50]]]
        """
        if self.colour == (1.0, 1.0, 1.0):
            return image
        brightness, contrast, saturation = self.colour
        # All three are linear in the pixel: one matrix of colours, and the mean grey of the image added.
        mixed = saturation * np.eye(3) + (1 - saturation) * _LUMA
        mean = float(_LUMA @ image.reshape(-1, 3).mean(axis=0)) * brightness
        changed = (image.astype(np.float32) @ (brightness * contrast * mixed.T).astype(np.float32)) + np.float32(
            (1 - contrast) * mean
        )
        return np.asarray(np.clip(np.rint(changed), 0, 255), np.uint8)


STAYS = Move()


@dataclass(frozen=True)
class MoveRanges:
    """How far crops are moved at random; as it is made, they stay as they are.

    Attributes
    ----------
    rotate
        Degrees, either way.
    scale
        The least and the greatest factor; the logarithm is uniform between them.
    shift
        Pixels of the network's images, along both axes either way.
    colour
        Brightness, contrast and saturation are changed by factors between 1 - ``colour`` and 1 + ``colour``.
    """

    rotate: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    shift: float = 0.0
    colour: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.rotate or self.shift or self.colour) or tuple(self.scale) != (1.0, 1.0)

    def draw(self, seed: int, epoch: int, row: int) -> Move:
        """Return the move of an image in an epoch. It depends on nothing else: on no worker, device or mini-batch.

        >>> ranges = MoveRanges(rotate=10)
        >>> ranges.draw(0, 1, 7) == ranges.draw(0, 1, 7), ranges.draw(0, 1, 7) == ranges.draw(0, 2, 7)
        (True, False)
        """
        if not self:
            return STAYS
        rng = np.random.default_rng((seed, _MOVES, epoch, row))
        turn, along, x, y, *colours = rng.uniform(-1, 1, 7).tolist()
        low, high = np.log(self.scale)
        return Move(
            self.rotate * turn,
            float(np.exp(low + (high - low) * (along + 1) / 2)),
            (self.shift * x, self.shift * y),
            (1 + self.colour * colours[0], 1 + self.colour * colours[1], 1 + self.colour * colours[2]),
        )


@dataclass(frozen=True)
class SeededMoves:
    """Moves of images by a seed and their rows in the data set: the same in any split, sample and order.

    Attributes
    ----------
    ranges
        What they are drawn from; shifts are pixels of the network's images.
    seed
        Of the moves.
    """

    ranges: MoveRanges
    seed: int

    def of(self, rows: NDArray[np.intp]) -> tuple[Move, ...]:
        """Return the moves of the images in some rows."""
        return tuple(self.ranges.draw(self.seed, 0, row) for row in rows.tolist())

    def as_json(self) -> dict[str, Any]:
        """Return the seed and the ranges, for ``metrics.json``."""
        return {"seed": self.seed, **asdict(self.ranges)}
