"""``wsegs features`` and ``wsegs train region-probe``, as a user runs them."""

from __future__ import annotations

import json

import pytest

from tests.training.tiny import make_store, write_faces, write_labels

SMALL = ("--size", "64x56", "--folds", 3)


@pytest.fixture
def here(tmp_path, astronaut_landmarks, monkeypatch):
    """A data set and its store in an empty working directory."""
    table = write_faces(tmp_path / "data", astronaut_landmarks)
    write_labels(tmp_path / "data", table)
    make_store(tmp_path, table)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_one_command_does_it_all_and_others_take_the_run(run, here):
    done = run("train", "region-probe", *SMALL, "--labels", "10,20", "-j", 1)
    assert done.code == 0, done.err
    assert done.err == ""
    assert (here / "features.h5").is_file()
    assert "runs/region-probe: region-probe on efficientnet-lite0, fitted on 20 images" in done.out
    assert "without a face, read by the mean face's regions: 1 of all images" in done.out
    assert run("store", "verify", "features.h5").code == 0
    done = run("evaluate", "runs/region-probe", "--regions", "masks.h5", "-j", 1)
    assert done.code == 0, done.err
    assert "regions: 4 from mask store" in done.out
    done = run("evaluate", "runs/region-probe", "--regions", "masks.h5", "--where", "-j", 1, "-o", "where")
    assert done.code == 0, done.err
    assert "where it looks, by region shares (95 % over people):" in done.out
    assert "against rules" in done.out
    done = run("predict", "runs/region-probe", "data/faces/000.png", "--maps", "maps", "--json")
    assert done.code in (0, 1), done.err
    said = json.loads(done.out)["images"][0]
    assert said["regions"] in ("landmarks found", "mean face")
    assert (here / "maps/000.png").is_file()
    done = run("predict", "runs/region-probe", "data/faces/000.png", "--regions", "masks.h5", "--json")
    assert json.loads(done.out)["images"][0]["regions"] == "mask store"  # where it is faces/000.png
    done = run("report", "runs/region-probe")
    assert done.code == 0, done.err
    page = (here / "runs/region-probe/report.html").read_text()
    for heading in ("Penalties", "How many labels it takes", "Attributes by regions", "Where it looks"):
        assert heading in page
    done = run("train", "region-probe", *SMALL, "--finetune", "--rotate", 20, "--max-steps", 2, "--batch-size", 4)
    assert done.code == 0, done.err
    assert (here / "runs/region-probe-finetuned/best.ckpt").is_file()
    assert json.loads((here / "runs/region-probe-finetuned/plan.json").read_text())["moves"]["rotate"] == 20


def test_features_alone_are_taken_by_the_training(run, here):
    done = run("features", "-j", 1, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["mean_face"] == 1
    done = run("features", "-j", 1)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "--force" in done.err
    done = run("train", "region-probe", *SMALL, "-j", 1)
    assert done.code == 1
    assert "features of something else (size: [224, 192] there, [64, 56] wanted)" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "attparsenet", "--finetune"), "--finetune: recipe 'attparsenet' fits no heads"),
        (
            ("train", "attparsenet", "--labels", "300"),
            "--labels: expected at most 20, which is how many training images",
        ),
        (("train", "attparsenet", "--labels", "10,20"), "--labels: expected one number for 'attparsenet'"),
        (("train", "attparsenet", "--prior", "3"), "--prior: recipe 'attparsenet' fits no heads"),
        (("train", "region-probe", "--resume"), "--resume: a fit takes a minute and is not resumed"),
        (("train", "region-probe", "--backbone", "resnet"), "resnet"),
        (("train", "region-probe", "--folds", "1"), "--folds: expected 0, or 2 or more"),
        (("train", "region-probe", "--weights", "none.pth"), "none.pth"),
        (("train", "region-probe", "none.h5"), "none.h5: no such mask store"),
        (("features", "--recipe", "attparsenet"), "has no 'fit'"),
        (("store", "verify", "masks.h5", "--rules", "none"), "none"),
    ],
)
def test_mistakes_are_one_line(run, here, arguments, message):
    done = run(*arguments)
    assert done.code == 1, done.out
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not (here / "runs").exists()
