from __future__ import annotations

import numpy as np
import pytest

from wsegs.reports.localisation.recall_curve import plot_recall, recall_at
from wsegs.reports.localisation.response_maps import response_picture


def test_recall_counts_what_overlaps_enough() -> None:
    overlaps = np.array([0.0, 0.3, 0.5, 0.9])
    assert [recall_at(overlaps, ratio) for ratio in (0.3, 0.5, 0.7)] == [0.75, 0.5, 0.25]
    assert np.isnan(recall_at(np.zeros(0), 0.5))


@pytest.mark.slow
def test_the_curve_has_a_line_for_each_method(tmp_path) -> None:
    plot_recall({"one": np.array([0.5]), "two $": np.array([0.0])}, tmp_path / "recall.svg", title="faces")
    text = (tmp_path / "recall.svg").read_text()
    assert text.count("stroke-width: 2;") >= 2 or text.count('stroke-width: 2"') >= 2


def test_a_picture_has_the_image_its_boxes_and_its_maps() -> None:
    image = np.full((130, 100, 3), 200, np.uint8)
    heat = np.zeros((130, 100), np.float32)
    heat[:65] = 2.0
    boxed = response_picture(image, [heat], ["lnet-o"], [np.array([10, 20, 50, 60])], title="a.png")
    plain = response_picture(image, [heat], ["lnet-o"], [], title="a.png")
    differ = np.argwhere((boxed != plain).any(axis=2))
    green = (boxed == (0, 158, 115)).all(axis=2)
    rows, columns = np.nonzero(green)
    # twice as large, below heading and caption
    assert (rows.min() - 60, columns.min() - 16) == pytest.approx((40, 20), abs=2)
    assert (rows.max() - 60, columns.max() - 16) == pytest.approx((159, 119), abs=2)
    assert len(differ)
    upper, lower = plain[100, 16 + 200 + 12 + 100], plain[300, 16 + 200 + 12 + 100]
    assert upper.astype(int).sum() > lower.astype(int).sum()
