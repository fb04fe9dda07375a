from __future__ import annotations

import csv
import json

import cv2
import pytest

from tests.training.tiny import make_store, recipe_of, tiny_recipe, write_faces
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


@pytest.mark.slow
def test_a_data_set_that_knows_nothing_of_the_faces_is_a_mistake(run, folder) -> None:
    image = folder / "data/faces/000.png"
    for arguments, words in (
        ((image, "--data", folder / "data"), "knows neither boxes nor points of its faces"),
        ((folder / "empty.jpg", "--data", folder / "data"), "none of the 1 images is one of its own"),
        ((image, "--data-scale", "2"), "--data-scale: expected --data beside it"),
        ((image, "--data", folder / "no"), "no: no such file or folder"),
        ((image, "--data", folder / "data", "--masks", folder / "masks.h5"), "expected --masks or --data"),
    ):
        done = run("predict", folder / "run", *arguments)
        assert (done.code, done.err.count("\n")) == (1, 1)
        assert words in done.err


@pytest.mark.slow
def test_a_folder_and_a_table(run, folder, tmp_path) -> None:
    done = run("predict", folder / "run", folder / "data", "-o", tmp_path / "said.csv", "-q")
    assert done.code == 0, done.err
    with (tmp_path / "said.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 26
    assert list(rows[0]) == ["image", "crop", "Smiling", "Eyeglasses", "Male", "present"]
    assert rows[3]["image"] == str(folder / "data/faces/003.png")
    present = [name for name in ("Smiling", "Eyeglasses", "Male") if float(rows[0][name]) >= 0.5]
    assert sorted(rows[0]["present"].split()) == sorted(present)
    assert "exists already" in run("predict", folder / "run", folder / "data", "-o", tmp_path / "said.csv").err
    (tmp_path / "empty").mkdir()
    assert "no image in this folder" in run("predict", folder / "run", tmp_path / "empty").err


@pytest.mark.slow
def test_a_parser_draws_class_maps_and_others_its_regions(run, folder, tmp_path) -> None:
    store = str(folder / "masks.h5")
    parser = recipe_of("parser", max_steps=2, **{"tasks.parsing.from": "store"})
    train(parser, store, tmp_path / "parser")
    image = folder / "data/faces/000.png"
    done = run("predict", tmp_path / "parser", image, "--maps", tmp_path / "maps", "--json")
    assert done.code == 0, done.err
    (said,) = json.loads(done.out)["images"]
    classes = cv2.imread(str(tmp_path / "maps/000.png"), cv2.IMREAD_UNCHANGED)
    assert classes.shape == (64, 56)  # those of the image
    shares = {name: float((classes == number).mean()) for number, name in enumerate(("background", "mouth", "eyes"))}
    assert said["classes"] == pytest.approx(shares)
    assert cv2.imread(str(tmp_path / "maps/overlays/000.png")).shape == (64, 56, 3)
    ssg = recipe_of("ssg", max_steps=2, **{"regions.parser": str(tmp_path / "parser")})
    train(ssg, store, tmp_path / "ssg")
    done = run("predict", tmp_path / "ssg", image, "--maps", tmp_path / "regions")
    assert done.code == 0, done.err
    assert (tmp_path / "regions/000.png").read_bytes().startswith(b"\x89PNG")
