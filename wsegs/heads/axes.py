"""Principal axes of the features, along which a fit takes steps of the right length.

Features by region vary a thousand times more along some axes than along others, and a minimiser that knows no axes
needs hundreds of steps. The axes depend neither on labels nor on penalties: a whole path of penalties shares them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

_ROWS_A_FEATURE = 8  # more rows change the variances by little, and the minimiser mends it
_MOST_AXES = 4096  # an eigendecomposition of more takes longer than it saves
_SMALLEST = 1e-6  # share of the largest variance below which an axis is rounding


@dataclass(frozen=True, eq=False)
class PrincipalAxes:
    """Axes along which features are uncorrelated.

    Attributes
    ----------
    mean
        float32 (F,).
    variances
        float32 (K,), along each axis.
    axes
        float32 (F, K), orthonormal columns; K = F but where features are many or rows few.
    """

    mean: NDArray[np.float32]
    variances: NDArray[np.float32]
    axes: NDArray[np.float32]

    @classmethod
    def measure(cls, features: NDArray[np.float32]) -> PrincipalAxes:
        """Measure the axes of features (N, F), on evenly spaced rows where more would not change them."""
        count, size = features.shape
        wide = size > _MOST_AXES or count < size
        most = min(size, _MOST_AXES) if wide else _ROWS_A_FEATURE * size
        some = features[:: max(1, -(-count // most))]
        mean = some.mean(axis=0, dtype=float).astype(np.float32)
        if not wide:
            covariance = some.T @ some / np.float32(len(some)) - np.outer(mean, mean)
            variances, axes = eigh(covariance, driver="evd", overwrite_a=True, check_finite=False)
            return cls(mean, np.maximum(variances, 0), axes)
        # The same axes from the products of the rows, which are fewer; centred there, so that no row is copied.
        products = some @ some.T / np.float32(len(some))
        products += products.mean() - products.mean(axis=0) - products.mean(axis=1, keepdims=True)
        variances, rows = eigh(products, driver="evd", overwrite_a=True, check_finite=False)
        kept = variances > _SMALLEST * variances[-1] if variances[-1] > 0 else np.zeros(len(variances), bool)
        variances, rows = variances[kept], rows[:, kept]
        return cls(mean, variances, some.T @ (rows / np.sqrt(len(some) * variances)))


class Coordinates:
    """Coordinates in which the objective of each attribute curves alike in all directions, near enough.

    A step of weights and bias is a linear function of a step in them. The bias is that at the features' mean, where it
    does not depend on the weights.

    Parameters
    ----------
    axes
        Of the features.
    curvature
        (A,): the second derivative of each attribute's mean loss by its logits, added up.
    penalty
        (A,): what each attribute's weights are penalised by, on average.
    """

    def __init__(self, axes: PrincipalAxes, curvature: NDArray[np.floating], penalty: NDArray[np.floating]) -> None:
        self._axes = axes
        variances = axes.variances.astype(float)
        curvature = np.maximum(curvature, 1e-6)  # a start at which all is right curves nowhere
        self._bias = (1 / np.sqrt(curvature)).astype(np.float32)
        self._scale = (1 / np.sqrt(np.outer(variances, curvature) + penalty)).astype(np.float32)
        self._rest = None
        if len(variances) < len(axes.mean):
            smallest = variances.min(initial=np.inf) if len(variances) else 0.0
            self._rest = (1 / np.sqrt(smallest * curvature + penalty)).astype(np.float32)

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Drop attributes."""
        self._bias, self._scale = self._bias[kept], self._scale[:, kept]
        self._rest = None if self._rest is None else self._rest[kept]

    def step(self, coordinates: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the step of weights and, last, bias, (F + 1, A), of a step in the coordinates."""
        weight = self._scaled(coordinates[:-1], transposed=False)
        bias = coordinates[-1] * self._bias - self._axes.mean @ weight
        return np.concatenate([weight, bias[None]])

    def gradient(self, gradient: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the gradient by the coordinates, of the gradient by weights and, last, bias, (F + 1, A)."""
        centred = gradient[:-1] - np.outer(self._axes.mean, gradient[-1])
        return np.concatenate([self._scaled(centred, transposed=True), gradient[-1:] * self._bias])

    def _scaled(self, values: NDArray[np.float32], *, transposed: bool) -> NDArray[np.float32]:
        axes = self._axes.axes
        if self._rest is not None:  # the axes do not span all: what is beside them is scaled alike
            along = (self._scale - self._rest) * (axes.T @ values)
            return np.asarray(axes @ along + self._rest * values)
        return np.asarray(self._scale * (axes.T @ values) if transposed else axes @ (self._scale * values))
