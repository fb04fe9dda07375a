"""The figures of a store, against counts made from the masks themselves."""

from __future__ import annotations

import json

import numpy as np
import pytest

from wsegs.store.summary import describe_store


def test_coverage_is_that_of_the_masks(store, table):
    summary = describe_store(store, sample=None)
    json.dumps(summary)
    regions = store.regions(range(7))
    faces = store.status != 0
    for r, region in enumerate(summary["regions"]):
        area = ((regions >> r) & 1).mean(axis=(1, 2))[faces]
        assert region["faces"] == pytest.approx((area > 0).mean())
        assert region["area"] == pytest.approx(area[area > 0].mean())
    always = np.ones_like(store.attributes)
    areas = store.lookup.expand(regions, always).mean(axis=(2, 3))[faces]
    for c, attribute in enumerate(summary["attributes"]):
        assert attribute["area"] == pytest.approx(areas[:, c][areas[:, c] > 0].mean())
        assert attribute["present"] == (table.attributes[:, c] == 1).sum()
        assert attribute["unknown"] == (table.attributes[:, c] == -1).sum()


def test_a_sample_is_spread_over_the_store(store):
    assert describe_store(store, sample=2)["coverage_measured_on"] == 2
