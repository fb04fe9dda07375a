"""One run that finds faces and reads them: LNets, ANet and machines together, on pictures of any size."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from tests.training.tiny import recipe_of
from wsegs.evaluation.localise import locate_face
from wsegs.evaluation.runs import load_run
from wsegs.nets import build_network
from wsegs.nets.lnet import LNet
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.train import train

NAMES = ("Smiling", "Male")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """CelebA in the wild in miniature, with boxes, and two LNets that were trained for two steps."""
    folder = tmp_path_factory.mktemp("lnets-anet")
    data, rng = folder / "data", np.random.default_rng(0)
    (data / "Img/img_celeba").mkdir(parents=True)
    (data / "Anno").mkdir()
    (data / "Eval").mkdir()
    face = cv2.resize(skimage.data.astronaut()[0:220, 130:330], (100, 110))
    tables = {"Anno/list_attr_celeba.txt": [" ".join(NAMES)], "Anno/list_bbox_celeba.txt": ["x_1 y_1 width height"]}
    people, partition = [], []
    for i in range(36):
        labels = rng.integers(0, 2, len(NAMES))
        image = rng.integers(0, 60, (150 + i, 140, 3)).astype(np.uint8)
        image[20:130, 20:120] = np.clip(face.astype(int) + 50 * labels[0] - 60 * labels[1], 0, 255)
        name = f"{i:06}.jpg"
        cv2.imwrite(str(data / "Img/img_celeba" / name), image[..., ::-1])
        tables["Anno/list_attr_celeba.txt"].append(f"{name} " + " ".join(str(2 * label - 1) for label in labels))
        tables["Anno/list_bbox_celeba.txt"].append(f"{name} 40 30 60 80")
        people.append(f"{name} {i // 2}")
        partition.append(f"{name} {2 if i >= 32 else 0}")
    for file, lines in tables.items():
        (data / file).write_text("\n".join(["36", *lines]) + "\n")
    (data / "Anno/identity_CelebA.txt").write_text("\n".join(people) + "\n")
    (data / "Eval/list_eval_partition.txt").write_text("\n".join(partition) + "\n")
    shutil.copy(data / "Img/img_celeba/000000.jpg", folder / "photo.jpg")
    for name, crop in (("lnet-o", "letterbox"), ("lnet-s", "box")):
        network = {"network": {"name": "lnet", "width": 0.05, "hidden": 0}, "size": (67, 67), "max_steps": 2}
        recipe = recipe_of("basic", **network, **{"samples.crop": crop, "samples.from": "data"})
        opened = {"images": "wild"}
        train(recipe, None, folder / name, plan=resolve(recipe, Overrides(data=data, opened=opened)))
    return folder


@pytest.fixture(autouse=True)
def _here(folder, monkeypatch):
    monkeypatch.chdir(folder)


ANET = ("--data", "data", "--images", "wild", "--width", 0.1, "--precision", "32-true")
STEPS = ("--batch-size", 8, "--max-steps", 4, "-j", 0)


@pytest.mark.slow
def test_one_run_finds_faces_and_reads_them(run, folder) -> None:
    done = run("train", "anet", "--no-trunks", *ANET, *STEPS, "--crop", "box", "--people", "0-0.5")
    assert done.code == 0, done.err
    done = run("train", "lnets-anet", *ANET, "--people", "0.5-1", "--locate", "lnet-o", "lnet-s")
    assert done.code == 0, done.err
    assert "keeps the LNets of lnet-o and lnet-s, which find the faces of new pictures" in done.out
    done = run("evaluate", "runs/lnets-anet", "--json", "-j", 1)
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert said["images"] == 4
    assert set(said["crops"]) <= {"located", "whole image"}

    # The run needs neither data set nor LNets any more.
    shutil.copytree("runs/lnets-anet", "alone")
    loaded = load_run("alone")
    lnets = [load_run(name).network for name in ("lnet-o", "lnet-s")]
    image = cv2.imread("photo.jpg")[..., ::-1].copy()
    expected = locate_face(*lnets, image, longest_sides=(67, 67), thresholds=(0.5, 0.5))
    found = loaded.locator.box(image)
    assert (found is None) == (expected is None)
    if found is not None:
        np.testing.assert_allclose(found, expected.box, atol=1e-3)
    done = run("predict", "alone", "photo.jpg", "--json")
    assert done.code == 0, done.err
    (image,) = json.loads(done.out)["images"]
    assert image["crop"] in ("located", "whole image")
    assert set(image["attributes"]) == set(NAMES)
    shutil.copytree("alone", "broken")
    (folder / "broken" / "lnets.npz").write_bytes(b"PK")
    done = run("predict", "broken", "photo.jpg")
    assert done.code == 1
    assert "broken/lnets.npz: no weights of the LNets of this run" in done.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lnets-anet", "--locate", "lnet-s", "lnet-o"), "--locate: RUN_O lnet-s: expected an LNet that learnt"),
        (("lnets-anet", "--locate", "lnet-o", "nothing"), "nothing: no such run"),
        (("anet", "--locate", "lnet-o", "lnet-s"), "--locate: recipe 'anet' fits no heads on crops about boxes"),
        (("lnets-anet", "--locate-threshold", "0.4", "0.6"), "--locate-threshold: expected --locate RUN_O RUN_S, too"),
    ],
)
def test_mistakes_are_one_line(run, arguments, message) -> None:
    done = run("train", *arguments, "--data", "data", "--images", "wild", "-o", "runs/wrong")
    assert done.code == 1, done.out
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_network_without_its_last_layers_responds_as_the_whole_one() -> None:
    torch.manual_seed(0)
    whole = build_network("lnet", heads={"attributes": 2}, size=(67, 67), width=0.05)
    part = LNet({}, (227, 227), width=0.05, hidden=0)
    part.features.load_state_dict(whole.features.state_dict())
    images = torch.randn(1, 3, 90, 70)
    torch.testing.assert_close(part.responses(images), whole.responses(images))
