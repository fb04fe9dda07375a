from __future__ import annotations

import numpy as np
import pytest

from tests.training.samples.tester import SampleSourceTester
from wsegs.training.samples.opening import OpenStore
from wsegs.training.samples.store_source import StoreSource


class TestStoreSource(SampleSourceTester):
    @pytest.fixture(autouse=True)
    def _store(self, store, faces, table):
        self.store, self.faces, self.table = store, faces, table

    def build(self) -> StoreSource:
        return StoreSource(OpenStore(self.store, self.faces), self.size)

    def source_points(self, row: int) -> np.ndarray:
        return self.table.scheme.five_points(self.table.landmarks[row][None])[0]
