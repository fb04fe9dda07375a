from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from wsegs.errors import DataError, MissingError
from wsegs.training.learning_curves import plot_learning_curves

METRICS = """\
epoch,step,stage,train_loss,train_loss_maps,val_loss,val_accuracy,lr-Adam
0,0,1,,,,,0.001
0,9,1,1.0,0.2,,,
0,9,1,,,1.1,0.8,
1,19,2,0.5,0.1,,,
1,19,2,,,nan,0.85,
"""


def _comments(path):
    """The texts of an SVG file, which matplotlib writes as comments beside their glyphs."""
    return re.findall(r"<!-- (.*?) -->", path.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_learning_curves_have_a_panel_a_metric(tmp_path):
    source, output = tmp_path / "metrics.csv", tmp_path / "curve.svg"
    source.write_text(METRICS)
    plot_learning_curves(source, output)
    ElementTree.parse(output)
    texts = _comments(output)
    assert {"loss", "loss maps", "accuracy", "lr-Adam"} <= set(texts)
    assert texts.count("training") == 2
    assert texts.count("validation") == 2
    assert texts.count("step (dashed: the next stage begins)") == 4
    assert "stage" not in texts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the columns 'epoch' and 'step', got nothing"),
        ("step,loss\n0,1\n", "expected the columns 'epoch' and 'step', got step, loss"),
        ("epoch,step,train_loss\n0,1,high\n", "line 2, column 'train_loss': expected a number, got 'high'"),
        ("epoch,step,train_loss\n0,1,\n", "holds no values to draw"),
    ],
)
def test_learning_curves_of_a_wrong_file(tmp_path, text, message):
    source = tmp_path / "metrics.csv"
    source.write_text(text)
    with pytest.raises(DataError, match=message):
        plot_learning_curves(source, tmp_path / "curve.png")
    assert not (tmp_path / "curve.png").exists()


def test_learning_curves_of_no_file(tmp_path):
    with pytest.raises(MissingError, match=r"metrics\.csv: no such file"):
        plot_learning_curves(tmp_path / "metrics.csv", tmp_path / "curve.png")
