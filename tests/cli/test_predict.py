from __future__ import annotations

import json

import pytest

from tests.training.tiny import make_store, tiny_recipe, write_faces
from wsegs.training.train import train


@pytest.fixture(scope="module")
def folder(tmp_path_factory, astronaut_landmarks):
    """Faces, and a run trained on them."""
    folder = tmp_path_factory.mktemp("predict")
    table = write_faces(folder / "data", astronaut_landmarks)
    train(tiny_recipe(max_steps=2), make_store(folder, table), folder / "run")
    (folder / "empty.jpg").write_bytes(b"")
    return folder


@pytest.mark.slow
def test_attributes_are_printed_image_by_image(run, folder) -> None:
    images = [folder / "data/faces" / name for name in ("000.png", "001.png")]
    done = run("predict", folder / "run", *images)
    assert done.code == 0, done.err
    assert [line for line in done.out.splitlines() if not line.startswith(" ")] == [
        f"{image} (as in training)" for image in images
    ]
    assert done.out.count("Smiling") == 2
    assert done.out.count("%") == 6


def test_unreadable_images_are_listed_and_the_others_done(run, folder, tmp_path) -> None:
    images = [folder / "empty.jpg", folder / "data/faces/000.png"]
    done = run("predict", folder / "run", *images, "--heatmaps", tmp_path / "maps", "--json")
    assert done.code == 1
    assert done.err == f"Error: {folder / 'empty.jpg'}: an empty file\n"
    summary = json.loads(done.out)
    assert [image["image"] for image in summary["images"]] == [str(images[1])]
    assert list(summary["images"][0]["attributes"].values()) == sorted(
        summary["images"][0]["attributes"].values(), reverse=True
    )
    assert summary["unreadable"][0]["reason"] == "an empty file"
    assert [file.name for file in (tmp_path / "maps").iterdir()] == ["000.png"]
    assert (tmp_path / "maps/000.png").read_bytes().startswith(b"\x89PNG")


def test_pictures_are_not_overwritten_unless_told(run, folder, tmp_path) -> None:
    arguments = ("predict", folder / "run", folder / "data/faces/000.png", "--heatmaps", tmp_path)
    (tmp_path / "000.png").write_text("mine")
    done = run(*arguments)
    assert done.code == 1
    assert "000.png: exists already" in done.err
    assert (tmp_path / "000.png").read_text() == "mine"
    assert run(*arguments, "--force").code == 0


def test_a_run_that_is_none(run, folder) -> None:
    done = run("predict", folder / "none", folder / "empty.jpg")
    assert done.code == 1
    assert done.err == f"Error: {folder / 'none'}: no such run; wsegs train makes one\n"


def test_an_image_is_needed(run, folder) -> None:
    assert run("predict", folder / "run").code == 2
