from __future__ import annotations

import re

import cv2
import numpy as np
import pytest

from wsegs.errors import DataError
from wsegs.reports.plots import plot_attribute_bars, plot_comparison


def _rows(count, names="Attribute_{}"):
    rng = np.random.default_rng(0)
    return [
        {
            "attribute": names.format(i),
            "accuracy": rng.uniform(0.6, 1),
            "majority_rate": rng.uniform(0.5, 0.9),
            "average_precision": rng.uniform(),
            "balanced_accuracy": rng.uniform(0.5, 1),
        }
        for i in range(count)
    ]


def _comments(path):
    """The texts of an SVG file, which matplotlib writes as comments beside their glyphs."""
    return re.findall(r"<!-- (.*?) -->", path.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 10, 40, 100])
def test_bars_name_every_attribute_best_gain_first(tmp_path, count):
    rows = _rows(count)
    plot_attribute_bars(rows, tmp_path / "bars.svg")
    texts = [text for text in _comments(tmp_path / "bars.svg") if text.startswith("Attribute_")]
    by_gain = sorted(rows, key=lambda row: row["majority_rate"] - row["accuracy"])
    # A column is drawn from its lowest bar up.
    columns = -(-count // 45)
    size = -(-count // columns)
    expected = [row["attribute"] for c in range(columns) for row in by_gain[c * size : (c + 1) * size][::-1]]
    assert texts == expected


def test_bars_are_as_long_as_their_shares(tmp_path):
    row = {
        "attribute": "A",
        "accuracy": 0.9,
        "majority_rate": 0.5,
        "average_precision": None,
        "balanced_accuracy": None,
    }
    plot_attribute_bars([row], tmp_path / "bars.png")
    picture = cv2.imread(str(tmp_path / "bars.png"))[..., ::-1].astype(int)
    body = picture[: picture.shape[0] * 2 // 3]  # without the legend
    lengths = [
        np.ptp(np.nonzero((np.abs(body - colour).max(axis=2) < 3).sum(axis=0) > 10)[0])  # no text is so high
        for colour in ((0x00, 0x72, 0xB2), (0xC4, 0xC4, 0xC8))
    ]
    assert lengths[0] / lengths[1] == pytest.approx(0.9 / 0.5, rel=0.02)


def test_undefined_measures_are_left_out(tmp_path):
    rows = _rows(3)
    rows[0].update(accuracy=float("nan"), majority_rate=None)
    plot_attribute_bars(rows, tmp_path / "bars.svg")
    assert next(text for text in _comments(tmp_path / "bars.svg") if text.startswith("Attr")) == "Attribute_0"


def test_bars_of_a_row_that_lacks_a_measure(tmp_path):
    with pytest.raises(DataError, match="attribute 'A': no 'majority_rate'"):
        plot_attribute_bars([{"attribute": "A", "accuracy": 1}], tmp_path / "bars.png")
    with pytest.raises(DataError, match="no attribute to draw"):
        plot_attribute_bars([], tmp_path / "bars.png")


@pytest.mark.slow
@pytest.mark.parametrize("runs", [1, 2, 8])
def test_comparison_joins_by_name(tmp_path, runs):
    tables = {f"run $ {i}": _rows(10)[i % 2 :] for i in range(runs)}
    plot_comparison(tables, tmp_path / "runs.svg", measure="average_precision")
    texts = _comments(tmp_path / "runs.svg")
    assert set(tables) <= {text.replace("\\$", "$") for text in texts}
    assert ("Attribute_0" in texts) == (runs == 1)


def test_comparison_of_runs_with_nothing_in_common(tmp_path):
    with pytest.raises(DataError, match="runs a, b: no attribute is in all of them"):
        plot_comparison({"a": _rows(2, "x{}"), "b": _rows(2, "y{}")}, tmp_path / "runs.png")
