from __future__ import annotations

import cv2
import numpy as np
import pytest

from wsegs.reports.heatmaps import draw_heatmaps, heatmap_overlay
from wsegs.reports.overlay import scale_picture


def test_heatmap_is_bright_where_it_is_high_and_clipped(face):
    heat = np.full((24, 19), -5.0)
    heat[:12] = 7
    picture = heatmap_overlay(np.full_like(face.image, 128), heat)
    assert picture[:90].mean() > 150 > 90 > picture[130:].mean()
    assert len(np.unique(picture[:90].reshape(-1, 3), axis=0)) == 1
    heat[:] = np.nan
    assert len(np.unique(heatmap_overlay(np.full_like(face.image, 128), heat).reshape(-1, 3), axis=0)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 10, 16, 40, 100])
def test_heatmaps_of_any_number(face, tmp_path, count):
    output = tmp_path / "maps.png"
    maps = np.random.default_rng(0).random((count, 24, 19), np.float32)
    names = [f"A_Rather_Long_Attribute_Name_{i}" for i in range(count)]
    draw_heatmaps(face.image, maps, names, np.linspace(0, 1, count), output, title="x/y.jpg")
    picture = cv2.imread(str(output))
    tile = scale_picture(face.image, max(220 / 178, 120 / 218)).shape
    assert picture.shape[0] * picture.shape[1] > (count + 1) * tile[0] * tile[1]
    assert 0.5 < picture.shape[1] / picture.shape[0] < 2.1


def test_heatmaps_need_a_name_and_a_score_each(face, tmp_path):
    with pytest.raises(ValueError):
        draw_heatmaps(face.image, np.zeros((2, 4, 4)), ["a", "b"], [0.5], tmp_path / "maps.png")
    assert not (tmp_path / "maps.png").exists()
