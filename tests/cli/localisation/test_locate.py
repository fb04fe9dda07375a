"""From class folders and attribute tags to boxes, and on: at toy size."""

from __future__ import annotations

import csv
import json
import shlex

import cv2
import numpy as np
import pytest
import torch

from tests.training.tiny import write_faces, write_labels
from wsegs.landmarks.table import read_landmarks, write_landmarks
from wsegs.nets import build_network

TINY = ("--width", 0.04, "--size", "67x67", "--batch-size", 4, "--max-steps", 2, "--precision", "32-true", "-j", 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, astronaut_landmarks):
    """Faces with attributes and landmarks, and two kinds of objects."""
    folder = tmp_path_factory.mktemp("locate")
    table = write_faces(folder / "data", astronaut_landmarks)
    write_labels(folder / "data", table)
    write_landmarks(folder / "landmarks.h5", table)
    rng = np.random.default_rng(0)
    for kind in ("ball", "box"):
        (folder / "objects" / kind).mkdir(parents=True)
        for number in range(8):
            picture = rng.integers(0, 256, (40, 50 + number, 3), np.uint8)
            cv2.imwrite(str(folder / "objects" / kind / f"{number}.png"), picture)
    return folder


@pytest.fixture(autouse=True)
def _here(folder, monkeypatch):
    monkeypatch.chdir(folder)


@pytest.fixture
def trained(run, folder):
    """The runs, each trained by its shipped recipe from what the one before left."""
    if not (folder / "runs/lnet-s").exists():
        ten = _recipe(folder, "lnet-objects", ("ten_crops: 256x256", "ten_crops: 75x75"))
        for command in (
            ("train", ten, "--data", "objects", *TINY, "-o", "runs/lnet-objects"),
            ("train", "lnet-o", "--data", "data", *TINY),
            ("locate", "runs/lnet-o", "--data", "data", "-j", 1, "-o", "heads.csv"),
            ("train", "lnet-s", "--data", "data", "--boxes", "heads.csv", *TINY),
        ):
            done = run(*command)
            assert done.code == 0, done.err
    return folder / "runs"


def _recipe(folder, name, *changes):
    from wsegs.io.files import find_shipped

    text = find_shipped("models", name).read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (folder / f"{name}-small.yaml").write_text(text)
    return f"{name}-small.yaml"


def _rows(file):
    with file.open(newline="") as table:
        return list(csv.DictReader(table))


@pytest.mark.slow
def test_coarse_to_fine_and_what_boxes_are_good_for(run, folder, trained) -> None:
    started = json.loads((trained / "lnet-o/run.json").read_text())["provenance"]["init_from"]
    assert list(started) == [str((trained / "lnet-objects").absolute())]
    done = run(
        *("locate", "runs/lnet-o", "runs/lnet-s", "--data", "data", "-j", 1, "-o", "boxes.csv", "--json"),
        *("--choose-threshold", "landmarks.h5", "--pictures", "pictures", "--beside", "runs/lnet-o"),
    )
    assert done.code == 0, done.err
    summary = json.loads(done.out)
    assert (summary["images"], len(summary["thresholds"])) == (26, 2)
    rows = _rows(folder / "boxes.csv")
    assert len(rows) == summary["faces"] == summary["located"]
    for row in rows:
        x, y, width, height, score = (float(row[key]) for key in ("x", "y", "width", "height", "score"))
        assert min(x, y) >= 0
        assert min(width, height, score) > 0
        assert x + width <= 56.01
        assert y + height <= 64.01
    assert len(list((folder / "pictures").glob("*.png"))) == 26

    done = run("evaluate", "runs/lnet-s", "--split", "all", "-j", 1, "--json", "-o", "measured")
    assert json.loads(done.out)["crops"] == {"box": 26}
    done = run("evaluate", "runs/lnet-s", "--data", "data", "--boxes", "boxes.csv", "--split", "all", "-j", 1)
    assert done.code == 0, done.err
    done = run("predict", "runs/lnet-s", "data/faces/001.png", "--boxes", "boxes.csv", "--json")
    assert json.loads(done.out)["images"][0]["crop"] == "box"
    done = run("evaluate", "runs/lnet-objects", "--data", "objects", "--split", "all", "-j", 1, "--json", "-o", "ten")
    assert done.code == 0, done.err


@pytest.mark.slow
def test_boxes_tell_landmarks_which_face(run, folder, trained, tiny_predictor) -> None:
    done = run(
        *("landmarks", "--data", "data", "--boxes", "heads.csv", "--boxes-from-data", "--detectors", "dlib"),
        *("--predictor", tiny_predictor, "-o", "placed.h5", "-j", 1),
    )
    assert done.code == 0, done.err
    table = read_landmarks(folder / "placed.h5")
    assert table.found.all()
    assert table.provenance["data"]["opened"]["boxes"].endswith("heads.csv")


@pytest.mark.slow
def test_a_call_that_was_interrupted_goes_on(run, folder, trained, monkeypatch) -> None:
    """What an interrupted call found is not searched again."""
    from wsegs.datasets import open_dataset
    from wsegs.evaluation.localisation import locate_images as module
    from wsegs.evaluation.localisation.networks import Locator

    dataset = open_dataset("data")
    locator = Locator((trained / "lnet-o",), "best", (67,), (0.5,), faces=2)
    whole = module.locate_images(dataset, locator, folder / "whole.csv", jobs=1)
    assert whole.located == 26
    output, seen = folder / "half.csv", []

    def draw(locator, path, name, faces):
        seen.append(name)
        if len(seen) == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        module.locate_images(dataset, locator, output, draw=draw, jobs=1)
    assert not output.exists()
    again = []
    original = module.find_in_image
    monkeypatch.setattr(module, "find_in_image", lambda locator, path: again.append(path) or original(locator, path))
    module.locate_images(dataset, locator, output, draw=draw, jobs=1)
    assert len(again) == 26 - 16
    assert output.read_text() == (folder / "whole.csv").read_text()


@pytest.mark.slow
def test_what_cannot_be_searched_is_listed(run, folder, trained, tmp_path) -> None:
    (tmp_path / "few").mkdir()
    cv2.imwrite(str(tmp_path / "few/tiny.png"), np.full((9, 30, 3), 90, np.uint8))
    done = run("locate", "runs/lnet-o", "--data", tmp_path / "few", "-o", tmp_path / "b.csv", "-j", 1)
    assert done.code == 1
    why = "expected an image of at least 16 pixels a side, got 9x30 (HxW)"
    assert done.err.splitlines()[-1].endswith(f"no face in any of 1 images; the first, 'tiny.png': {why}")
    assert not (tmp_path / "b.csv").exists()
    cv2.imwrite(str(tmp_path / "few/face.png"), cv2.imread(str(folder / "data/faces/001.png")))
    (tmp_path / "few/broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    done = run("locate", "runs/lnet-o", "--data", tmp_path / "few", "-o", tmp_path / "b.csv", "-j", 1)
    assert done.code == 0, done.err
    assert [row["name"] for row in _rows(tmp_path / "b.csv")] == ["face.png"]
    missing = {row["name"]: row["reason"] for row in _rows(tmp_path / "b.missing.csv")}
    assert missing["tiny.png"] == why
    assert set(missing) == {"tiny.png", "broken.png"}


@pytest.mark.slow
def test_a_network_that_does_not_respond(run, folder, trained) -> None:
    """All filters of the last convolution are silent."""
    import shutil

    if not (folder / "runs/silent").exists():
        shutil.copytree(folder / "runs/lnet-o", folder / "runs/silent")
        checkpoint = torch.load(folder / "runs/silent/best.ckpt", weights_only=True)
        checkpoint["state_dict"]["network.features.10.weight"].zero_()
        checkpoint["state_dict"]["network.features.10.bias"].fill_(-1)
        torch.save(checkpoint, folder / "runs/silent/best.ckpt")
    done = run("locate", "runs/silent", "--data", "data", "-o", "silent.csv", "-j", 1)
    assert done.code == 1
    assert done.err.splitlines()[-1].endswith("no response: the map of LNet_o is 0 everywhere")


@pytest.mark.slow
def test_runs_of_another_kind_are_refused_in_a_line(run, folder, trained) -> None:
    done = run(
        "train", "basic", "--data", "data", "--width", 0.05, "--size", "32x28", "--max-steps", 1, "-o", "runs/basic"
    )
    assert done.code == 0, done.err
    for arguments, message in (
        (("runs/basic",), "RUN_O: runs/basic: expected a run of network 'lnet', which wsegs train lnet-o makes"),
        (
            ("runs/lnet-o", "runs/basic"),
            "RUN_S: runs/basic: expected a run of network 'lnet', which wsegs train lnet-s",
        ),
        (("runs/lnet-objects",), "RUN_O: runs/lnet-objects: expected an LNet that learnt attributes"),
        (("runs/lnet-s",), "RUN_O: runs/lnet-s: expected an LNet of whole images (letterbox), got one of 'box'"),
        (("runs/lnet-o", "runs/lnet-o"), "RUN_S: runs/lnet-o: expected an LNet of crops about boxes (box)"),
        (("runs/none",), "runs/none: no such run"),
        (("runs/lnet-o", "--threshold", "0.5,0.5"), "--threshold: expected one share, since there is no RUN_S, got 2"),
        (("runs/lnet-o", "--beside", "runs/lnet-o"), "--beside: expected --pictures DIR"),
        (("runs/lnet-o", "--choose-threshold", "no.h5"), "--choose-threshold: no.h5: no such file or folder"),
    ):
        done = run("locate", *arguments, "--data", "data", "-o", "z.csv")
        assert (done.code, done.err.count("\n")) == (1, 1), done.err
        assert message in done.err
    done = run("locate", "runs/lnet-o", "--data", "data", "--threshold", "1.5")
    assert done.code == 2
    assert "expected a share from 0 to below 1" in done.err


@pytest.mark.slow
def test_boxes_and_runs_that_do_not_fit(run, folder, trained) -> None:
    for arguments, message in (
        (
            ("evaluate", "runs/lnet-o", "--data", "data", "--boxes", "heads.csv", "-o", "q"),
            "not trained on crops about boxes",
        ),
        (("predict", "runs/lnet-s", "data/faces/001.png"), "--boxes names those of these images"),
        (
            ("train", "lnet-o", "--data", "data", "--boxes", "heads.csv", "--no-trunks", "-o", "q"),
            "--boxes: expected crops about boxes",
        ),
        (
            ("train", "lnet-s", "--data", "data", "--no-trunks", "-o", "q"),
            "has no boxes; --boxes names a table of them",
        ),
        (
            ("train", "lnet-s", "--data", "data", "--boxes", "heads.csv", "--width", 0.5, "-o", "q"),
            "has a width of 0.04",
        ),
    ):
        done = run(*arguments)
        assert (done.code, done.err.count("\n")) == (1, 1), done.err
        assert message in done.err
    # The images of the training are opened with its boxes.
    assert run("evaluate", "runs/lnet-s", "--data", "data", "-o", "evaluated").code == 0


@pytest.mark.slow
def test_a_category_with_one_picture_is_told(run, folder, tmp_path) -> None:
    import shutil

    shutil.copytree(folder / "objects", tmp_path / "objects")
    (tmp_path / "objects/cup").mkdir()
    shutil.copy(folder / "objects/box/0.png", tmp_path / "objects/cup/0.png")
    ten = _recipe(folder, "lnet-objects", ("ten_crops: 256x256", "ten_crops: 75x75"))
    begin = ("train", ten, "--data", tmp_path / "objects", *TINY, "-o", tmp_path / "run")
    done = run(*begin)
    assert (done.code, done.err.count("\n")) == (1, 1), done.err
    assert "--categories class reads it from labels.csv, or takes each folder for a category" in done.err
    done = run(*begin, "--categories", "class")
    assert done.code == 0, done.err
    told = "Note: task 'class': 1 of 3 categories have one image, which is either trained on or validated on: cup"
    assert told in done.err


@pytest.mark.slow
def test_it_begins_with_convolutions_of_a_file(run, folder, tmp_path) -> None:
    """A file like torchvision's: other filters, and its own fully connected layers."""
    torch.manual_seed(0)
    theirs = build_network("lnet", heads={"class": 3}, size=(67, 67), layers="torchvision").state_dict()
    weights = {name.replace("hidden", "classifier"): value for name, value in theirs.items()}
    torch.save({name: value for name, value in weights.items() if "heads" not in name}, tmp_path / "alexnet.pth")
    small = ("--size", "67x67", "--batch-size", 4, "--max-steps", 1, "--learning-rate", 1e-12, "-j", 0)
    ten = _recipe(folder, "lnet-objects", ("ten_crops: 256x256", "ten_crops: 75x75"))
    begin = ("train", ten, "--data", "objects", *small, "--init-from", tmp_path / "alexnet.pth")
    done = run(*begin, "-o", tmp_path / "paper")
    assert (done.code, done.err.count("\n")) == (1, 1), done.err
    assert (
        "expected 'features.0.weight' of shape (96, 3, 11, 11), got (64, 3, 11, 11); an lnet with --layers" in done.err
    )
    done = run(*begin, "--layers", "torchvision", "-o", tmp_path / "run")
    assert done.code == 0, done.err
    begun = json.loads((tmp_path / "run/run.json").read_text())["provenance"]["init_from"]
    assert [len(digest) for digest in begun.values()] == [64]
    learnt = torch.load(tmp_path / "run/best.ckpt", weights_only=True)["state_dict"]
    for name in ("features.0.weight", "features.10.bias"):
        torch.testing.assert_close(learnt[f"network.{name}"], theirs[name])
    for arguments, message in (
        (("lnet-objects", "--init-from", "no.pth"), "--init-from no.pth: no such file of weights"),
        (("basic", "--init-from", tmp_path / "alexnet.pth"), "network 'basic' begins with a run, not with a file"),
    ):
        done = run("train", *arguments, "--data", "objects", "-o", tmp_path / "q")
        assert (done.code, done.err.count("\n")) == (1, 1), done.err
        assert message in done.err


def test_ten_crops_need_a_larger_image_and_a_data_set(run, folder) -> None:
    small = _recipe(folder, "lnet-objects", ("ten_crops: 256x256", "ten_crops: 200x256"))
    done = run("train", small, "--data", "objects", "-o", "q")
    assert "samples: ten_crops: expected at least the network's 227x227 (HxW), got 200x256" in done.err
    assert done.code == 1


@pytest.mark.slow
def test_the_next_step_trains_what_comes_next(run, folder, trained, tmp_path) -> None:
    """With the width, the size and the pre-training of LNet_o."""
    done = run("locate", "runs/lnet-o", "--data", "data", "--limit", 6, "-j", 1, "-o", tmp_path / "heads.csv")
    (line,) = [line for line in done.out.splitlines() if line.startswith("next: ")]
    program, *arguments = shlex.split(line.removeprefix("next: "))
    assert program == "wsegs"
    assert arguments[-2:] == ["-o", "runs/lnet-s-2"]  # there is one already
    done = run(*arguments[:-2], "--max-steps", 1, "-o", tmp_path / "run")
    assert done.code == 0, done.err
    assert "Note: 20 of 26 images of " in done.err
    assert "have no box, and are not used" in done.err
    done = run(
        "locate", "runs/lnet-o", "runs/lnet-s", "--data", "data", "--limit", 3, "-j", 1, "-o", tmp_path / "b.csv"
    )
    assert f"next: wsegs landmarks --data data --boxes {tmp_path / 'b.csv'} -o landmarks-2.h5" in done.out
