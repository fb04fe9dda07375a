"""Minimise the objectives of all attributes at once: L-BFGS, each attribute with its own steps.

The attributes share what costs time, the products with the features: two in each step, one with the weights' step and
one with the residuals. As logits are linear in a step, its length is searched without a further product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsegs.heads.axes import Coordinates, PrincipalAxes
from wsegs.heads.checks import row_blocks
from wsegs.heads.losses import Loss

_PAIRS = 10  # steps that L-BFGS remembers
_TRIES = 8  # lengths of a step
_FLAT = 0.1  # a length will do where the slope is this share of that at the start


class Objective:
    """Penalised mean losses of attributes, at one place that moves.

    Parameters
    ----------
    features
        float32 (N, F).
    labels
        int8 (N, A); -1 counts for nothing.
    costs
        (2, A): what an absent and a present label count.
    penalties
        (F, A): an attribute's objective has half the sum of these times its squared weights.
    loss
        Of the logits.
    place
        (F + 1, A): weights and, last, bias.
    """

    def __init__(
        self,
        features: NDArray[np.float32],
        labels: NDArray[np.int8],
        costs: NDArray[np.floating],
        penalties: NDArray[np.floating],
        loss: Loss,
        place: NDArray[np.floating],
    ) -> None:
        self._features, self._labels, self._loss = features, labels, loss
        self._costs, self._penalties = costs.astype(np.float32), penalties.astype(np.float32)
        self.place = place.astype(float)
        self._logits = self._product(self.place.astype(np.float32))
        self._moves = np.zeros_like(self._logits)
        self._residuals = np.empty_like(self._logits)
        _, self.curvature = self._slopes(np.zeros(labels.shape[1], np.float32), curvature_alone=True)

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Drop attributes."""
        # Not by [:, kept], which would lay attributes, and no longer images, one behind the other.
        self._labels = np.compress(kept, self._labels, axis=1)
        self._costs = np.compress(kept, self._costs, axis=1)
        self._penalties = np.compress(kept, self._penalties, axis=1)
        self.place = np.compress(kept, self.place, axis=1)
        self._logits = np.compress(kept, self._logits, axis=1)
        self._residuals = np.compress(kept, self._residuals, axis=1)
        self._moves = np.empty_like(self._logits)

    def gradient(self) -> NDArray[np.float32]:
        """Return the gradient at the place, (F + 1, A)."""
        weight = self._features.T @ self._residuals
        weight += self._penalties * self.place[:-1]
        return np.concatenate([weight, self._residuals.sum(axis=0, dtype=float)[None].astype(np.float32)])

    def move(self, step: NDArray[np.float32], slope: NDArray[np.floating]) -> NDArray[np.floating]:
        """Move along a step to about the minimum, and return at what multiples of it each attribute is, (A,).

        Parameters
        ----------
        step
            (F + 1, A), downwards.
        slope
            (A,): of the objectives along it.
        """
        self._moves = self._product(step)
        own = step[:-1] * self._penalties
        linear = np.einsum("fa,fa->a", own, self.place[:-1])
        square = np.einsum("fa,fa->a", own, step[:-1], dtype=float)
        lengths, low, high = np.ones(len(slope)), np.zeros(len(slope)), np.full(len(slope), np.inf)
        for left in reversed(range(_TRIES)):
            first, second = self._slopes(lengths.astype(np.float32))
            first, second = first + linear + lengths * square, second + square
            steep = np.abs(first) > _FLAT * np.abs(slope)
            if not left or not steep.any():
                break
            low, high = np.where(first < 0, lengths, low), np.where(first > 0, lengths, high)
            newton = lengths - first / np.maximum(second, 1e-30)
            middle = np.where(np.isinf(high), 2 * lengths, (low + np.where(np.isinf(high), 0, high)) / 2)
            lengths = np.where(steep, np.where((newton > low) & (newton < high), newton, middle), lengths)
        self.place += lengths * step
        self._logits += lengths.astype(np.float32) * self._moves
        return lengths

    def _product(self, step: NDArray[np.float32]) -> NDArray[np.float32]:
        product = self._features @ step[:-1]
        product += step[-1]
        return product

    def _slopes(
        self, lengths: NDArray[np.float32], *, curvature_alone: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return both derivatives by the length of the move, (A,); residuals are then those at these lengths.

        With ``curvature_alone`` the second one is by all logits at once, whatever the move is.
        """
        first, second = np.zeros(len(lengths)), np.zeros(len(lengths))
        for here in row_blocks(len(self._labels), 2048):
            labels, moves = self._labels[here], self._moves[here]
            present = (labels == 1).astype(np.float32)
            cost = np.where(labels == 1, self._costs[1], self._costs[0]) * (labels >= 0)
            slope, curve = self._loss.derivatives(self._logits[here] + lengths * moves, present)
            residuals = np.multiply(slope, cost, out=self._residuals[here])
            first += np.einsum("na,na->a", residuals, moves)
            second += np.einsum("na,na->a", curve, cost if curvature_alone else cost * np.square(moves))
        return first, second


class _History:
    """The latest steps, and what they changed the gradient by: they estimate each attribute's inverse Hessian."""

    def __init__(self, attributes: int) -> None:
        self._pairs: list[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]] = []
        self._size = np.ones(attributes, np.float32)

    def add(self, step: NDArray[np.float32], change: NDArray[np.float32]) -> None:
        product, square = np.einsum("fa,fa->a", step, change), np.einsum("fa,fa->a", change, change)
        good = product > 0  # else rounding was larger than the change
        inverse = np.divide(1, product, out=np.zeros_like(product), where=good)
        self._size = np.divide(product, square, out=self._size.copy(), where=good)
        self._pairs = [*self._pairs[1 - _PAIRS :], (step, change, inverse)]

    def keep(self, kept: NDArray[np.bool_]) -> None:
        self._size = self._size[kept]
        self._pairs = [(step[:, kept], change[:, kept], inverse[kept]) for step, change, inverse in self._pairs]

    def direction(self, gradient: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the step to where the gradient is expected to be 0."""
        result, shares = -gradient, []
        for step, change, inverse in reversed(self._pairs):
            share = inverse * np.einsum("fa,fa->a", step, result)
            result -= share * change
            shares.append(share)
        result *= self._size
        for (step, change, inverse), share in zip(self._pairs, reversed(shares), strict=True):
            result += (share - inverse * np.einsum("fa,fa->a", change, result)) * step
        return result


@dataclass(frozen=True, eq=False)
class Minimum:
    """Where objectives are least.

    Attributes
    ----------
    place
        float64 (F + 1, A): weights and, last, bias.
    steps
        int (A,): how many each attribute took.
    converged
        bool (A,): False where the steps were used up.
    """

    place: NDArray[np.float64]
    steps: NDArray[np.intp]
    converged: NDArray[np.bool_]


def minimise(
    objective: Objective, axes: PrincipalAxes, penalty: NDArray[np.floating], tolerance: float, max_steps: int
) -> Minimum:
    """Minimise objectives, from where they are.

    Parameters
    ----------
    objective
        Is used up: attributes that are done leave it.
    axes
        Of its features.
    penalty
        (A,): of each attribute, on average over the features.
    tolerance
        An attribute is done when its next step is expected to lower its objective by no more.
    max_steps
        Of each attribute.
    """
    place, count = objective.place.copy(), objective.place.shape[1]
    steps, converged, active = np.full(count, max_steps), np.zeros(count, bool), np.arange(count)
    coordinates, history = Coordinates(axes, objective.curvature, penalty), _History(count)
    gradient = coordinates.gradient(objective.gradient())
    for step_number in range(max_steps):
        direction = history.direction(gradient)
        slope = np.einsum("fa,fa->a", gradient, direction)
        done = -slope / 2 <= tolerance
        if done.any():
            place[:, active[done]] = objective.place[:, done]
            steps[active[done]], converged[active[done]] = step_number, True
            kept, active = ~done, active[~done]
            if not len(active):
                break
            for part in (objective, coordinates, history):
                part.keep(kept)
            gradient, direction, slope = gradient[:, kept], direction[:, kept], slope[kept]
        lengths = objective.move(coordinates.step(direction), slope)
        before, gradient = gradient, coordinates.gradient(objective.gradient())
        history.add(lengths.astype(np.float32) * direction, gradient - before)
    if len(active):
        place[:, active] = objective.place
    return Minimum(place, steps, converged)
