"""Images of the same names and of another size: each command that joins pixels to points or masks refuses them."""

from __future__ import annotations

import json

import h5py
import numpy as np
import PIL.Image
import pytest

from tests.training.tiny import RULES, write_faces, write_labels
from wsegs.landmarks.table import write_landmarks

TINY = ("--width", 0.03, "--size", "32x28", "--batch-size", 4, "--max-steps", 2, "--precision", "32-true")


@pytest.fixture
def here(tmp_path, astronaut_landmarks, monkeypatch):
    """Landmarks, rules, a data set, and the same data set at another size, in the working directory."""
    table = write_faces(tmp_path / "data", astronaut_landmarks)
    for folder in ("data", "large"):
        (tmp_path / folder / "faces").mkdir(parents=True, exist_ok=True)
        write_labels(tmp_path / folder, table)
    for name in table.images:
        picture = PIL.Image.open(tmp_path / "data" / name)
        picture.resize((80, 90)).save(tmp_path / "large" / name)
    write_landmarks(tmp_path / "landmarks.h5", table)
    (tmp_path / "tiny.yaml").write_text(RULES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("frame", ["image", "face"])
def test_each_command_compares_sizes(run, here, frame):
    assert run("masks", "--rules", "tiny.yaml", "--frame", frame, "-j", 1).code == 0
    with h5py.File("masks.h5") as file:
        assert file["image_size"][0].tolist() == [56, 64]
    assert run("train", "attparsenet", "masks.h5", "--data", "data", *TINY, "-o", "run").code == 0
    for arguments in (
        ("preview", "masks.h5", "--data", "large", "-o", "a.png"),
        ("preview", "landmarks.h5", "--rules", "tiny.yaml", "--data", "large", "-o", "a.png"),
        ("masks", "--rules", "tiny.yaml", "--with-images", "--data", "large", "-o", "b.h5", "-j", 1),
        ("train", "attparsenet", "masks.h5", "--data", "large", *TINY, "-o", "run2"),
        ("train", "attparsenet", "masks.h5", "--data", "large", *TINY, "-o", "run", "--resume"),
        ("evaluate", "run", "--data", "large", "--landmarks", "landmarks.h5", "--split", "all", "-j", 1),
        ("landmarks", "--data", "large", "--update", "landmarks.h5", "--detectors", "none", "-o", "l.h5", "-j", 1),
        ("rules", "preview", "tiny.yaml", "large/faces/000.png", "--landmarks", "landmarks.h5", "-o", "a.png"),
    ):
        done = run(*arguments)
        assert done.code == 1, (arguments, done)
        assert "faces/000.png: 80x90 pixels, expected 56x64 by" in done.err, (arguments, done.err)
        assert arguments[0] == "rules" or "are of another size" in done.err, done.err


@pytest.mark.slow
def test_an_exact_multiple_is_scaled_on_request(run, here):
    for file in (here / "large/faces").iterdir():
        PIL.Image.open(here / "data/faces" / file.name).resize((112, 128)).save(file)
    assert run("masks", "--rules", "tiny.yaml", "--frame", "face", "-j", 1).code == 0
    for arguments in (
        ("preview", "masks.h5", "--data", "large", "-o", "a.png"),
        ("train", "attparsenet", "masks.h5", "--data", "large", *TINY, "-o", "run"),
        ("train", "basic", "--data", "large", "--landmarks", "landmarks.h5", *TINY, "-o", "run"),
    ):
        done = run(*arguments)
        assert done.code == 1, arguments
        assert "exactly 2 times as large: wsegs landmarks --update LANDMARKS --import-scale file" in done.err, done.err
    scaled = ("landmarks", "--update", "landmarks.h5", "--import-scale", "file", "--data", "large", "-o", "new.h5")
    assert run(*scaled, "--detectors", "none", "-j", 1).code == 0
    assert run("masks", "new.h5", "--rules", "tiny.yaml", "--frame", "face", "-o", "new-masks.h5", "-j", 1).code == 0
    assert run("preview", "new-masks.h5", "-o", "a.png").code == 0
    with h5py.File("masks.h5") as small, h5py.File("new-masks.h5") as large:
        assert large["image_size"][0].tolist() == [112, 128]
        same = np.isfinite(small["landmarks"][:])
        np.testing.assert_allclose(large["landmarks"][:][same], small["landmarks"][:][same], atol=0.01)


@pytest.mark.slow
def test_boxes_of_resized_images_are_scaled_in_the_training_and_its_evaluation(run, tmp_path, monkeypatch):
    """The images of CelebA were resized to a half in place; the table of boxes beside them was not."""
    (tmp_path / "data/img_celeba").mkdir(parents=True)
    names = [f"{i:06}.jpg" for i in range(8)]
    for i, name in enumerate(names):
        PIL.Image.new("RGB", (89, 109), (30 * i, 90, 120)).save(tmp_path / "data/img_celeba" / name)
    rows = "".join(f"{name},{1 if i % 2 else -1}\n" for i, name in enumerate(names))
    (tmp_path / "data/list_attr_celeba.csv").write_text(f"image_id,Smiling\n{rows}")
    boxes = "".join(f"{name},90,100,80,110\n" for name in names)
    (tmp_path / "data/list_bbox_celeba.csv").write_text(f"image_id,x_1,y_1,width,height\n{boxes}")
    monkeypatch.chdir(tmp_path)
    train = ("train", "basic", "--data", "data", "--images", "wild", "--crop", "box", *TINY, "-o", "run")
    done = run(*train)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "the data set's own boxes: 000000.jpg has 89x109 pixels" in done.err
    assert "--data-scale 0." in done.err
    assert not (tmp_path / "run").exists()
    assert run(*train, "--data-scale", "178x218").code == 0
    for data in ((), ("--data", "data")):
        done = run("evaluate", "run", "--split", "all", "-j", 1, "--json", "--force", *data)
        assert done.code == 0, done.err
        assert json.loads(done.out)["crops"] == {"box": 8}
    done = run("evaluate", "run", "--split", "all", "-j", 1, "--force", "--data", "data", "--data-scale", "1")
    assert done.code == 0, done.err  # as it is
