"""The curve of a fit."""

import numpy as np
import pytest
from PIL import Image

from wsegs.reports.fit_curve import plot_fit_curve

POINTS = [(0, 0.5), (5, 0.52), (5, 0.55), (20, 0.6), (20, 0.61), (233, 0.63)]


@pytest.mark.slow
@pytest.mark.parametrize("points", [POINTS, POINTS[1:], [(0, 0.5), (3, 0.6)]])
def test_draws_a_picture(points, tmp_path):
    plot_fit_curve(points, tmp_path / "curve.png", title="$my$ {rules}.yaml")
    picture = np.asarray(Image.open(tmp_path / "curve.png").convert("RGB"))
    assert picture.shape[0] > 300
    blue = (picture == (0, 0x72, 0xB2)).all(axis=2)
    assert blue.sum() > 50
