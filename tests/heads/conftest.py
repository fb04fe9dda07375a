from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

Data = tuple[NDArray[np.float32], NDArray[np.int8]]


def make_data(images: int = 300, size: int = 12, attributes: int = 4, seed: int = 0) -> Data:
    """Return correlated features and labels of very different rates, a tenth of them unknown."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(images, size)) @ rng.normal(size=(size, size)) / np.sqrt(size)
    features = (features / features.std(axis=0)).astype(np.float32)
    scores = features @ rng.normal(size=(size, attributes)) + 2 * rng.normal(size=(images, attributes))
    rates = np.linspace(0.1, 0.7, attributes)
    cuts = [np.quantile(column, 1 - rate) for column, rate in zip(scores.T, rates, strict=True)]
    labels = (scores > cuts).astype(np.int8)
    labels[rng.random(labels.shape) < 0.1] = -1
    return features, labels


@pytest.fixture(scope="session")
def data() -> Data:
    """Features (300, 12) and labels (300, 4)."""
    return make_data()
