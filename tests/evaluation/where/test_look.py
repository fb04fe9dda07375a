from __future__ import annotations

import csv
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from tests.training.tiny import NAMES, RULES, SIZE, recipe_of, tiny_recipe, write_truth
from wsegs.datasets import open_dataset
from wsegs.errors import OptionError
from wsegs.evaluation.crop_sources import store_dataset
from wsegs.evaluation.images import OpenImages
from wsegs.evaluation.predictor import Predictor
from wsegs.evaluation.runs import load_run
from wsegs.evaluation.where.attention import ClassActivation, DrawnMaps, open_attention
from wsegs.evaluation.where.look import look
from wsegs.evaluation.where.masks import open_masks
from wsegs.evaluation.where.write import write_where
from wsegs.geometry.frame import Frame
from wsegs.geometry.resample import resample_nearest
from wsegs.reports.run_parts.where_picture import draw_where
from wsegs.rules import compile_rules
from wsegs.store import MaskStore
from wsegs.store.writing.build import build_store
from wsegs.store.writing.encode_crops import CropOptions
from wsegs.training.train import train

CLASSES = "regions: {mouth: 300, eyes: 7}\n"


class Oracle:
    """Looks exactly at the masks of a store, and says that all attributes are there."""

    method = "maps"
    size = (20, 18)

    def __init__(self, store) -> None:
        self._masks = store.rules.lookup(NAMES).coverage(store.regions(slice(None), self.size)).swapaxes(0, 1)
        self.row = 0

    def read(self, images, points, known):
        here = self._masks[self.row : self.row + len(images)]
        self.row += len(images)
        return torch.ones(len(images), len(NAMES)), torch.from_numpy(here).float()


@pytest.fixture(scope="module")
def run(run_folder):
    return load_run(run_folder)


@pytest.fixture
def opened(faces, table):
    return OpenImages(open_dataset(faces), faces)


def measured(run, opened, attention, **options):
    masks = open_masks(run, opened, attention.size, **options)
    return look(run, opened, "all", attention, masks, Predictor(run))


def test_maps_that_are_the_masks_are_perfect(run, opened, store, tmp_path) -> None:
    found = measured(run, opened, Oracle(store), store=store.path)
    (against,) = found.against
    assert against.attributes == NAMES
    assert against.faces == 25  # one has no face
    scores = against.scores
    known = ~np.isnan(scores.energy)
    assert known[:, :2].sum() == 50  # eyes and mouth
    for values in (scores.energy, scores.pointing, scores.iou):
        np.testing.assert_array_equal(values[known], 1)
    summary = write_where(found, tmp_path)
    (row,) = summary["against"]
    assert (row["present"]["energy"], row["absent"]["iou"], row["masks"]) == (1, 1, "rules")
    with (tmp_path / "where.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(each["attribute"], each["label"]) for each in rows] == [
        (name, side) for name in NAMES for side in ("present", "absent", "any")
    ]
    labels = opened.dataset.attributes
    assert [int(each["faces"]) for each in rows] == [
        count for a in range(3) for count in ((labels[:, a] == 1).sum(), (labels[:, a] == 0).sum(), len(labels))
    ]


def test_rules_of_the_training_by_landmarks_are_its_store(run, opened, store, table) -> None:
    by_store = open_masks(run, opened, SIZE)
    landmarks = open_masks(run, replace(opened, landmarks=table), SIZE, store=None)
    assert [each.source for each in by_store] == [str(store.path)] == [each.source for each in landmarks]
    elsewhere = replace(run, plan=replace(run.plan, sources=(replace(run.plan.main, kind="data"),)))
    (drawn,) = open_masks(
        replace(elsewhere, plan=replace(elsewhere.plan, regions=None)), replace(opened, landmarks=table), (64, 56)
    )
    assert drawn.landmarks is not None
    with pytest.raises(OptionError, match="expected --where-masks"):
        open_masks(elsewhere, opened, SIZE)


def test_human_masks_of_the_attributes_that_people_have_drawn(run, opened, store, table, tmp_path) -> None:
    write_truth(tmp_path, table)
    (tmp_path / "classes.yaml").write_text(CLASSES)
    found = measured(
        run, opened, Oracle(store), store=store.path, human=tmp_path / "masks", class_map=str(tmp_path / "classes.yaml")
    )
    rules, human = found.against
    assert (rules.name, human.name) == ("rules", "human masks")
    assert human.attributes == NAMES  # Male is all of the regions, which is both
    # The human masks are what the rules draw, but for pixels of two regions, which one class keeps.
    assert np.nanmean(human.scores.energy[:, :2]) > 0.95
    cv2.imwrite(str(tmp_path / "masks/faces/000.png"), np.zeros(SIZE, np.uint16))
    again = measured(
        run, opened, Oracle(store), store=store.path, human=tmp_path / "masks", class_map=str(tmp_path / "classes.yaml")
    )
    assert np.isnan(again.against[1].scores.energy[0]).all()


@pytest.mark.slow
def test_a_run_by_its_maps(opened, store, tmp_path) -> None:
    train(tiny_recipe(size=SIZE, max_steps=2), store, tmp_path / "run")
    run = load_run(tmp_path / "run")
    predict = Predictor(run)
    attention = open_attention(run, predict)
    assert isinstance(attention, DrawnMaps)
    assert attention.size == run.network.map_size
    assert isinstance(open_attention(run, predict, activation=True), ClassActivation)
    tasks = tuple(task for task in run.plan.tasks if task.kind != "segmentation")
    baseline = replace(run, plan=replace(run.plan, tasks=tasks))  # whose maps are channels like others
    assert isinstance(open_attention(baseline, predict), ClassActivation)
    found = look(run, opened, "test", attention, open_masks(run, opened, attention.size), predict)
    assert len(found.images) == 4
    draw_where(found.examples, tmp_path / "where.png")
    assert cv2.imread(str(tmp_path / "where.png")) is not None
    for example in found.examples:
        assert example.face.shape == (*SIZE, 3)
        assert 0 <= example.map.min() <= example.map.max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["basic", "bbox"])
def test_other_networks_by_class_activation(name, opened, store, tmp_path) -> None:
    train(recipe_of(name), store, tmp_path / "run")
    run = load_run(tmp_path / "run")
    predict = Predictor(run)
    attention = open_attention(run, predict)
    assert isinstance(attention, ClassActivation)
    found = look(run, opened, "all", attention, open_masks(run, opened, attention.size), predict)
    assert (found.method, found.size) == ("class activation", (16, 14))
    for values in found.against[0].scores:
        known = values[~np.isnan(values)]
        assert ((known >= 0) & (known <= 1)).all()


def test_class_activation_of_pooled_maps_is_their_weighted_sum(opened) -> None:
    from wsegs.evaluation.where.attention import last_common_layer
    from wsegs.nets import build_network

    network = build_network("basic", size=(32, 28), heads={"attributes": 2}, width=0.05).eval()
    images = torch.rand(3, 3, 32, 28).requires_grad_()
    from captum.attr import LayerGradCam

    layer = last_common_layer(network, (images[:1],))
    cam = LayerGradCam(lambda given: network(given).logits, layer).attribute(images, 1, relu_attributions=True)
    maps = network.features(images)
    weight = network.heads["attributes"].weight[1] / (maps.shape[2] * maps.shape[3])  # the mean is read
    torch.testing.assert_close(cam[:, 0], torch.einsum("bchw,c->bhw", maps, weight).relu())


def test_nearest_masks_are_those_that_were_trained_on(run, opened, store) -> None:
    (masks,) = open_masks(run, opened, (6, 4), store=store.path)
    whole = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25]])
    drawn = masks.read(0, SIZE, whole)
    np.testing.assert_array_equal(drawn, resample_nearest(store.regions([0])[0], (6, 4), np.bitwise_or))


def test_the_crops_of_a_store_have_the_stores_masks(run, faces, table, tmp_path) -> None:
    """A store with its images inside, in a frame about the face: its crops are in other places than the images'."""
    rules = compile_rules(RULES, "tiny.yaml")
    build_store(table, rules, Frame("face", SIZE), tmp_path / "masks.h5", jobs=1, images=CropOptions(faces))
    inside = MaskStore(tmp_path / "masks.h5")
    assert not np.allclose(inside.affine[0], [[1, 0, 0], [0, 1, 0]], atol=0.1)
    same = replace(run, info=replace(run.info, frame=inside.frame))
    found = measured(same, OpenImages(store_dataset(inside), inside.path, inside), Oracle(inside))
    scores = found.against[0].scores
    known = ~np.isnan(scores.energy)
    assert known[:, :2].sum() == 50
    assert np.mean(scores.energy[known]) > 0.999  # a pixel between two is rounded once more
