from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsegs.errors import OptionError
from wsegs.heads.regions import penalty_factors

layouts = st.lists(st.tuples(st.sampled_from([4, 8, 16]), st.integers(1, 5)), min_size=1, max_size=3)


@given(layouts, st.integers(0, 4), st.data())
def test_a_region_has_the_factors_of_its_features(blocks: Any, regions: int, data: Any) -> None:
    row = data.draw(st.integers(0, regions))
    own = np.zeros((regions + 1, 2), bool)
    own[row, 0] = True
    factors = penalty_factors(own, blocks, 5.0)
    assert factors.dtype == np.float32
    assert (factors[:, 1] == 5).all()
    # The features of the region, and no others, have the factor 1: stride by stride, region by region.
    places = [np.repeat(np.arange(regions + 1), channels) for _, channels in blocks]
    assert ((factors[:, 0] == 1) == (np.concatenate(places) == row)).all()


def test_the_whole_image_has_a_factor_of_its_own() -> None:
    own = np.array([[True, False], [False, False], [False, True]])
    factors = penalty_factors(own, [(4, 1)], 3.0, global_factor=2.0)
    assert factors.tolist() == [[1, 3], [3, 3], [2, 1]]
    assert penalty_factors(own, [(4, 1)], 3.0)[-1].tolist() == [3, 1]


def test_bad_input_is_told() -> None:
    for factor, whole in ((0.0, 1.0), (1.0, -1.0), (np.inf, 1.0)):
        with pytest.raises(OptionError, match="factors: expected numbers above 0"):
            penalty_factors(np.ones((2, 1), bool), [(4, 1)], factor, whole)
