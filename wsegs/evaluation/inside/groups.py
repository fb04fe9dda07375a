"""Groups of attributes by the weights that a network gives them (Liu, Luo, Wang & Tang, figure 10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsegs.io.extras import needs_extras


@dataclass(frozen=True, eq=False)
class AttributeGroups:
    """Groups of attributes.

    Attributes
    ----------
    groups
        Names of the attributes of each group; the largest group first.
    similarity
        float (A, A), cosine of the weights, in the order of ``names``.
    names
        A names, group by group.
    """

    groups: tuple[tuple[str, ...], ...]
    similarity: NDArray[np.float64]
    names: tuple[str, ...]


def group_attributes(
    weight: NDArray[np.floating], names: tuple[str, ...], count: int = 6, seed: int = 0
) -> AttributeGroups:
    """Group attributes by k-means over the directions of their weights.

    Parameters
    ----------
    weight
        (A, F): of the last layer. The paper takes them as they are; here their lengths count for nothing, since an
        attribute that is easy to tell has longer weights.
    names
        A names.
    count
        Of groups; six in the paper.

    Raises
    ------
    MissingPackageError
        If scikit-learn is not installed.
    """
    with needs_extras("groups of attributes"):
        from sklearn.cluster import KMeans
    length = np.linalg.norm(weight, axis=1, keepdims=True)
    directions = np.asarray(weight / np.maximum(length, 1e-12), float)
    count = min(count, len(np.unique(directions, axis=0)))
    group = KMeans(count, n_init=20, random_state=seed).fit_predict(directions)
    members = [np.flatnonzero(group == number) for number in range(count)]
    members.sort(key=lambda rows: (-len(rows), rows[0]))
    order = np.concatenate(members)
    return AttributeGroups(
        tuple(tuple(names[row] for row in rows) for rows in members),
        (directions @ directions.T)[np.ix_(order, order)],
        tuple(names[row] for row in order),
    )
