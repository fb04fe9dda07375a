"""Features by region: which weights belong to which region.

Features lie stride by stride; those of a stride lie region by region, the whole image last; those of a region channel
by channel. ``R`` regions; ``blocks`` are the (stride, channels) in order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import OptionError


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
