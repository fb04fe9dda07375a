from __future__ import annotations

import numpy as np
import pytest

from wsegs.reports.palette import _distance, _seen, region_colours


@pytest.mark.parametrize("count", [0, 1, 10, 16, 64, 100])
def test_colour_of_a_region_does_not_depend_on_how_many_there_are(count):
    assert np.array_equal(region_colours(count), region_colours(200)[:count])


# A difference of 2.3 in CIELAB is just noticeable side by side.
@pytest.mark.parametrize(("count", "apart"), [(16, 12), (32, 9), (64, 6)])
def test_colours_stay_apart_for_every_kind_of_vision(count, apart):
    seen = _seen(region_colours(count))
    distances = _distance(seen[:, None], seen[None])
    np.fill_diagonal(distances, np.inf)
    assert distances.min() > apart
