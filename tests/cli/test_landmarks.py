from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import skimage.data

from wsegs.landmarks.find import find_in_chunk
from wsegs.landmarks.table import read_landmarks
from wsegs.store import MaskStore


@pytest.fixture
def data(tmp_path):
    """Three images: two with a face, one without; and a table of labels that lacks one and names a stranger."""
    folder = tmp_path / "data"
    folder.mkdir()
    face = skimage.data.astronaut()[:256, 100:356, ::-1]
    cv2.imwrite(str(folder / "a.png"), face)
    cv2.imwrite(str(folder / "b.png"), face[:, ::-1])
    cv2.imwrite(str(folder / "brick.png"), skimage.data.brick()[:128, :128])
    (folder / "labels.csv").write_text(
        "file,Smiling,split\na.png,1,train\nb.png,0,test\nbrick.png,0,test\nx.png,1,test\n"
    )
    return folder


@pytest.fixture
def landmarks(run, data, tiny_predictor, tmp_path):
    """Return a function that runs the command on the folder with the tiny predictor in one process."""

    def run_landmarks(*arguments, output="l.h5"):
        return run(
            *("landmarks", "--data", data, "-o", tmp_path / output, "--predictor", tiny_predictor, "-j", 1, *arguments)
        )

    return run_landmarks


@pytest.mark.slow
def test_summary_and_output(landmarks, tmp_path):
    done = landmarks()
    assert done.code == 0
    assert "landmarks (ibug68) of 2 of 3 images" in done.out
    assert "by dlib" in done.out
    assert "l.missing.csv" in done.out
    assert "l.unmatched.csv" in done.out
    assert "faces a second" in done.out
    assert f"next: wsegs masks {tmp_path / 'l.h5'} --rules celeba" in done.out
    assert "Note: tiny.dat: unknown weights" in done.err
    table = read_landmarks(tmp_path / "l.h5")
    assert table.images == ("a.png", "b.png", "brick.png")
    assert table.attributes[:, 0].tolist() == [1, 0, 0]
    assert "x.png" in (tmp_path / "l.unmatched.csv").read_text()


def test_json_alone_on_stdout(landmarks):
    summary = json.loads(landmarks("--json").out)
    assert (summary["images"], summary["found"], summary["no_face"], summary["unmatched"]) == (3, 2, 1, 1)
    assert summary["found_by"] == {"dlib": 2}


def test_split_and_limit(landmarks, tmp_path):
    assert landmarks("--split", "test").code == 0
    assert read_landmarks(tmp_path / "l.h5").images == ("b.png", "brick.png")
    assert landmarks("--split", "test", "--limit", 1, "--force").code == 0
    assert read_landmarks(tmp_path / "l.h5").images == ("b.png",)


def test_export_then_import_alone(landmarks, tmp_path):
    assert landmarks("--export", "csv").code == 0
    done = landmarks("--import", tmp_path / "l.csv", "--detectors", "none", "--json", output="again.h5")
    assert json.loads(done.out)["found_by"] == {"imported": 2}
    first, again = read_landmarks(tmp_path / "l.h5"), read_landmarks(tmp_path / "again.h5")
    np.testing.assert_array_equal(first.landmarks, again.landmarks)


@pytest.mark.slow
def test_an_existing_output_needs_force(landmarks):
    assert landmarks().code == 0
    done = landmarks()
    assert (done.code, done.out) == (1, "")
    assert "exists already; --force overwrites it" in done.err
    assert landmarks("--force").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--detectors", "dlip"), "unknown detector 'dlip', expected dlib, mtcnn, face-alignment, whole or none"),
        (("--detectors", "none"), "--detectors none: ibug68 needs --import"),
        (("--export", "l.txt"), "--export l.txt: expected 'csv' or a file name that ends in .csv"),
        (("--import", "nowhere.csv"), "--import nowhere.csv: no such file or folder"),
        (("--predictor", "nowhere.dat"), "--predictor nowhere.dat: no such file"),
        (("--data", "nowhere"), "nowhere: no such folder"),
        (("--split", "validation"), "--split validation: "),
        (("--boxes-from-data",), "--boxes-from-data: "),
        (("--backend", "dask"), "--backend dask: expected --scheduler ADDRESS beside it"),
        (("--scheduler", "tcp://127.0.0.1:9"), "--scheduler tcp://127.0.0.1:9: expected --backend dask beside it"),
    ],
)
def test_bad_input_is_one_line(landmarks, tmp_path, arguments, message):
    done = landmarks(*arguments)
    assert done.code == 1
    assert done.out == ""
    assert done.err.startswith("Error: ")
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not list(tmp_path.glob("l.*"))


def test_interruption_says_how_to_go_on(landmarks, monkeypatch):
    def interrupted(options, tasks, points):
        if tasks[0].index:
            raise KeyboardInterrupt
        return find_in_chunk(options, tasks, points)

    monkeypatch.setattr("wsegs.landmarks.find.find_in_chunk", interrupted)
    monkeypatch.setattr("wsegs.landmarks.find._CHUNK", 1)
    done = landmarks()
    assert done.code == 130
    assert "l.h5.partial keeps what was found; the same command goes on from there" in done.err
    monkeypatch.undo()


def test_what_is_imported_is_not_overwritten(landmarks, tmp_path):
    assert landmarks("--export", "csv").code == 0
    before = (tmp_path / "l.csv").read_bytes()
    for arguments in (("--export", tmp_path / "l.csv"), ("-o", tmp_path / "l.csv")):
        done = landmarks("--import", tmp_path / "l.csv", *arguments, "--force", output="again.h5")
        assert done.code == 1
        assert "l.csv: expected a file of its own to write, got the name of another one in use" in done.err
    (tmp_path / "l.missing.csv").write_bytes(before)
    done = landmarks("--import", tmp_path / "l.missing.csv", "--force")
    assert done.code == 1
    assert (tmp_path / "l.csv").read_bytes() == before == (tmp_path / "l.missing.csv").read_bytes()


def test_faces_a_second_are_those_of_this_run(landmarks, tmp_path):
    assert landmarks().code == 0
    summary = json.loads(landmarks("--update", tmp_path / "l.h5", "--json", output="again.h5").out)
    assert summary["images"] == 3
    assert summary["faces_per_second"] == pytest.approx(1 / max(summary["seconds"], 0.05), rel=3)
    assert summary["faces_per_second"] < 3 / max(summary["seconds"], 0.05)


def test_numbers_and_categories_reach_the_mask_store(run, landmarks, data, tmp_path):
    (data / "labels.csv").write_text("file,age,race\na.png,31,White\nb.png,,\nbrick.png,5.5,Asian\n")
    done = landmarks()
    assert done.code == 1
    assert "column 'age': expected 1, 0, -1 or nothing (unknown), got '31'; --numbers age reads numbers" in done.err
    assert done.err.count("\n") == 1
    assert landmarks("--numbers", "age", "--categories", "race").code == 0
    table = read_landmarks(tmp_path / "l.h5")
    np.testing.assert_array_equal(table.numbers["age"], np.array([31, np.nan, 5.5], np.float32))
    assert table.categories["race"].names_of_rows() == ["White", "", "Asian"]
    assert (table.provenance["data"]["numbers"], table.provenance["data"]["categories"]) == (["age"], ["race"])
    options = ("--rules", "celeba", "--frame", "face", "--size", "64x64")
    assert run("masks", tmp_path / "l.h5", *options, "-o", tmp_path / "m.h5", "-j", 1).code == 0
    with MaskStore(tmp_path / "m.h5") as store:
        known = dict(zip(store.images, store.categories["race"].names_of_rows(), strict=True))
        assert known["a.png"] == "White"
        assert known["b.png"] == ""
        assert store.numbers["age"][store.images.index("a.png")] == 31


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--numbers", "age"), "--numbers age: "),
        (("--categories", "split"), "--categories 'split': expected another name"),
        (("--numbers", "Smiling", "--categories", "Smiling"), "expected each label once"),
    ],
)
def test_labels_that_are_not_there_are_one_line(landmarks, arguments, message):
    done = landmarks(*arguments)
    assert done.code == 1
    assert message in done.err
    assert done.err.count("\n") == 1


def test_where_detectors_find_nothing_the_way_for_tight_crops_is_named(run, tmp_path, tiny_predictor, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    cv2.imwrite("data/a.png", np.full((48, 48), 90, np.uint8))
    command = ("landmarks", "--data", "data", "--predictor", tiny_predictor, "-j", 1)
    done = run(*command, "--detectors", "dlib")
    assert done.code == 0
    assert "no face that is sure in 1 of 1 images; if they are tight crops, --detectors whole" in done.err
    done = run(*command, "--detectors", "dlib,whole", "-o", "w.h5")
    assert "by whole                   1 100.00 %" in done.out
    assert "tight crops" not in done.err
