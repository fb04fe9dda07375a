"""A real face."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray


@pytest.fixture(scope="session")
def astronaut() -> NDArray[np.uint8]:
    return skimage.data.astronaut()
