"""Features by region: which weights belong to which region, and what each region adds to a logit.

Features lie stride by stride; those of a stride lie region by region, the whole image last; those of a region channel
by channel. ``R`` regions; ``blocks`` are the (stride, channels) in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError, OptionError


def penalty_factors(
    own: NDArray[np.bool_], blocks: Sequence[tuple[int, int]], factor: float, global_factor: float | None = None
) -> NDArray[np.float32]:
    """Return by how much the weights of an attribute are penalised more, (F, A): 1 in its own regions.

    Parameters
    ----------
    own
        bool (R + 1, A): which regions are an attribute's own; the last row is the whole image.
    blocks
        (stride, channels), in order.
    factor
        In regions that are not an attribute's own; above 0.
    global_factor
        In the whole image; None is ``factor``.

    Raises
    ------
    OptionError
        If a factor is not above 0.

    Examples
    --------
    >>> penalty_factors(np.array([[True], [False], [False]]), [(4, 1), (8, 2)], 3.0)[:, 0].tolist()
    [1.0, 3.0, 3.0, 1.0, 1.0, 3.0, 3.0, 3.0, 3.0]
    """
    global_factor = factor if global_factor is None else global_factor
    if not (0 < factor < np.inf and 0 < global_factor < np.inf):
        raise OptionError(f"factors: expected numbers above 0, got {factor} and {global_factor}")
    by_region = np.where(own, 1.0, factor).astype(np.float32)
    by_region[-1] = np.where(own[-1], 1.0, global_factor)
    return np.concatenate([np.repeat(by_region, channels, axis=0) for _, channels in blocks])


def region_shares(
    weight: NDArray[np.floating[Any]], features: NDArray[np.floating[Any]], blocks: Sequence[tuple[int, int]]
) -> NDArray[np.float64]:
    """Return what each region adds to each logit of an image, (A, R + 1); their sum and the bias are the logit.

    Parameters
    ----------
    weight
        (F, A).
    features
        (F,), standardised.
    blocks
        (stride, channels), in order.

    Raises
    ------
    DataError
        If weights, features and blocks are not of one length.

    Examples
    --------
    >>> region_shares(np.array([[1.0], [1.0], [2.0], [1.0]]), np.array([1.0, 2.0, 3.0, 4.0]), [(8, 2)]).tolist()
    [[3.0, 10.0]]
    """
    width = sum(channels for _, channels in blocks)
    if not width or len(weight) % width or features.shape != (len(weight),):
        raise DataError(
            f"shares: expected features in regions of {width}, got {features.shape} with weights {weight.shape}"
        )
    regions = len(weight) // width
    products = weight.astype(float) * features[:, None]
    shares, first = np.zeros((weight.shape[1], regions)), 0
    for _, channels in blocks:
        block = products[first : first + regions * channels]
        shares += block.reshape(regions, channels, -1).sum(axis=1).T
        first += regions * channels
    return shares
