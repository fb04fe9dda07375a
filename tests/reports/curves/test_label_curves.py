"""Scores of several runs against the number of training images."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from wsegs.reports.curves.label_curves import MEASURES, Point, draw_label_curves, label_curve_parts, method_names
from wsegs.reports.page import Picture
from wsegs.training.recipe import load_recipe, write_recipe


@dataclass
class Made:
    """What a page needs of a run."""

    path: Path
    recipe: str
    images: int
    fields: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True)
        recipe = load_recipe(self.recipe, self.fields)
        write_recipe(self.path / "recipe.yaml", recipe)
        self.plan = SimpleNamespace(network=SimpleNamespace(name=recipe.network.target))
        self.info = SimpleNamespace(provenance={"images": {"train": self.images}})

    def evaluated(self, accuracy: float | None, images: int = 9, name: str = "evaluation-celeba-test") -> Made:
        (self.path / name).mkdir()
        mean = {"accuracy": accuracy, "average_precision": 0.5, "error": 0.1}
        (self.path / name / "metrics.json").write_text(json.dumps({"images": images, "mean": mean}))
        return self


def test_runs_of_one_recipe_are_one_method(tmp_path):
    runs = [
        Made(tmp_path / "a", "panda", 10, {"samples.labels": 10}),
        Made(tmp_path / "b", "panda", 20, {"samples.labels": 20, "seed": 1}),
        Made(tmp_path / "c", "facetracer", 20, {"fit.labels": (20,)}),
        Made(tmp_path / "d", "facetracer", 30),
        Made(tmp_path / "e", "facetracer", 30, {"network.grid": 1}),
    ]
    assert method_names(runs) == ["panda", "panda", "facetracer (c)", "facetracer (c)", "facetracer (e)"]


def test_evaluations_on_the_same_images_are_compared(tmp_path):
    runs = [
        Made(tmp_path / "a", "panda", 10, {"samples.labels": 10}).evaluated(0.8),
        Made(tmp_path / "b", "panda", 20).evaluated(0.9),
        Made(tmp_path / "c", "facetracer", 20).evaluated(0.7).evaluated(0.6, name="evaluation-lfwa-all"),
        Made(tmp_path / "d", "facetracer", 30).evaluated(None, images=5),
    ]
    parts = label_curve_parts(runs, tmp_path)
    pictures = [part for part in parts if isinstance(part, Picture)]
    assert [picture.file.name for picture in pictures] == ["label-curve-evaluation-celeba-test.png"]
    assert "on the 9 images of celeba-test" in pictures[0].caption
    assert pictures[0].file.is_file()


def test_curves_of_several_fits_are_in_one_picture(tmp_path):
    runs = [Made(tmp_path / name, "facetracer", 30) for name in ("a", "b")]
    rows = "labels,regions,regions_accuracy,whole_image,whole_image_accuracy\n10,.5,.8,.4,.7\n30,.6,.85,.5,.8\n"
    (runs[0].path / "label_curve.csv").write_text(rows)
    assert label_curve_parts(runs, tmp_path) == []
    (runs[1].path / "label_curve.csv").write_text("labels,regions,whole_image\n10,.5,.4\n30,.7,.5\n")  # of before
    parts = label_curve_parts(runs, tmp_path)
    assert [part.file.stem for part in parts if isinstance(part, Picture)] == ["label-curve-folds"]


def test_runs_of_one_number_are_no_curve(tmp_path):
    runs = [Made(tmp_path / name, name, 30).evaluated(0.8) for name in ("panda", "facetracer")]
    assert label_curve_parts(runs, tmp_path) == []
    assert label_curve_parts(runs[:1], tmp_path) == []


@pytest.mark.slow
def test_lines_and_single_runs_are_drawn(tmp_path):
    points = [Point(10, dict.fromkeys(MEASURES, 0.5)), Point(10, {"accuracy": 0.6}), Point(300, {"accuracy": 0.7})]
    draw_label_curves({"$panda$": points, "facetracer": points[2:]}, tmp_path / "curve.png")
    picture = np.asarray(Image.open(tmp_path / "curve.png").convert("RGB"))
    assert picture.shape[1] > 2 * picture.shape[0]  # two panels
    assert (picture == (0, 0x72, 0xB2)).all(axis=2).sum() > 50
