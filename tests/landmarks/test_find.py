from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from wsegs.datasets.index import Unmatched
from wsegs.errors import MissingError, OptionError, OutputExistsError, WsegsError
from wsegs.landmarks import find
from wsegs.landmarks.chain import ChainOptions
from wsegs.landmarks.find import find_in_chunk, find_landmarks, summarise
from wsegs.landmarks.imports import Imported, read_imports, write_csv
from wsegs.landmarks.table import read_landmarks


@pytest.fixture(scope="module")
def undisturbed(faces, tiny_predictor, tmp_path_factory):
    output = tmp_path_factory.mktemp("undisturbed") / "l.h5"
    find_landmarks(faces, output, predictor=tiny_predictor, jobs=1)
    return output


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(find, "_CHUNK", 2)


def test_every_image_has_its_status(faces, undisturbed):
    table = read_landmarks(undisturbed)
    status = {
        name: table.status_names[s] if s < 255 else "unreadable"
        for name, s in zip(table.images, table.status, strict=True)
    }
    assert status == {
        "one/astronaut.png": "dlib",
        "one/flipped.png": "dlib",
        "hopper.jpg": "dlib",
        "größer, with blanks.png": "dlib",
        "pair.png": "dlib",
        "texture.png": "none",
        "empty.jpg": "unreadable",
        "text.png": "unreadable",
        "truncated.jpg": "unreadable",
    }
    row = table.images.index("pair.png")
    assert table.faces[row] == 2
    assert table.image_size[row].tolist() == [512, 256]
    assert table.image_size[table.images.index("truncated.jpg")].tolist() == [0, 0]
    assert summarise(table) == {
        "images": 9,
        "found": 5,
        "found_by": {"dlib": 5},
        "several_faces": 1,
        "no_face": 1,
        "unreadable": 3,
    }
    assert table.provenance["detectors"][0]["licence"] == "unknown weights"
    assert "jobs" not in str(table.provenance)


def test_what_is_missing_is_listed_with_its_reason(undisturbed):
    lines = undisturbed.with_suffix(".missing.csv").read_text(encoding="utf-8").splitlines()
    assert lines == [
        "image,reason",
        "empty.jpg,an empty file",
        "text.png,not an image that can be read",
        "texture.png,no face",
        "truncated.jpg,truncated JPEG",
    ]
    assert undisturbed.with_suffix(".unmatched.csv").read_text() == "kind,name,source\n"
    assert not list(undisturbed.parent.glob("*.partial"))


def test_two_processes_give_the_same_bytes(faces, tiny_predictor, undisturbed, tmp_path):
    find_landmarks(faces, tmp_path / "l.h5", predictor=tiny_predictor, jobs=2)
    assert (tmp_path / "l.h5").read_bytes() == undisturbed.read_bytes()


def test_an_interrupted_run_goes_on(faces, tiny_predictor, undisturbed, tmp_path, monkeypatch):
    output = tmp_path / "l.h5"
    calls = []

    def interrupted(options, tasks, points):
        calls.extend(task.index for task in tasks)
        if len(calls) > 4:
            raise KeyboardInterrupt
        return find_in_chunk(options, tasks, points)

    monkeypatch.setattr(find, "find_in_chunk", interrupted)
    with pytest.raises(KeyboardInterrupt):
        find_landmarks(faces, output, predictor=tiny_predictor, jobs=1)
    assert not output.exists()
    journal = tmp_path / "l.h5.partial"
    journal.write_bytes(journal.read_bytes()[:-10])  # and the last record is torn

    monkeypatch.setattr(find, "find_in_chunk", find_in_chunk)
    again = []
    monkeypatch.setattr(
        find, "open_photo", lambda path, side, read=find.open_photo: again.append(path) or read(path, side)
    )
    find_landmarks(faces, output, predictor=tiny_predictor, jobs=1)
    assert output.read_bytes() == undisturbed.read_bytes()
    assert len(again) == len(faces) - 3
    assert not journal.exists()


def test_other_options_do_not_go_on(faces, tiny_predictor, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(find, "find_in_chunk", interrupted)
        with pytest.raises(KeyboardInterrupt):
            find_landmarks(faces, tmp_path / "l.h5", predictor=tiny_predictor, jobs=1)
    with pytest.raises(OptionError, match=r"l\.h5\.partial: an unfinished run with other input.*max_side.*--force"):
        find_landmarks(faces, tmp_path / "l.h5", predictor=tiny_predictor, jobs=1, max_side=500)
    few = faces.select([0])
    with pytest.raises(OptionError, match="other input"):
        find_landmarks(few, tmp_path / "l.h5", predictor=tiny_predictor, jobs=1)
    assert len(find_landmarks(few, tmp_path / "l.h5", predictor=tiny_predictor, jobs=1, force=True)) == 1


def test_a_killed_run_goes_on(faces, tiny_predictor, undisturbed, tmp_path):
    """kill -9 while workers work; the next run ends with the same bytes."""
    script = (
        "import sys; from wsegs.landmarks import find; from wsegs.datasets import open_dataset\n"
        "find._CHUNK = 1\n"
        "find.find_landmarks(open_dataset(sys.argv[1]), sys.argv[2], predictor=sys.argv[3], jobs=1)\n"
    )
    output = tmp_path / "l.h5"
    journal = tmp_path / "l.h5.partial"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script, str(faces.root), str(output), str(tiny_predictor)],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not (journal.exists() and journal.stat().st_size > 1500) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    find_landmarks(faces, output, predictor=tiny_predictor, jobs=1, force=output.exists())
    assert output.read_bytes() == undisturbed.read_bytes()


def test_an_output_is_not_overwritten(faces, tiny_predictor, undisturbed):
    with pytest.raises(OutputExistsError, match="--force"):
        find_landmarks(faces, undisturbed, predictor=tiny_predictor, jobs=1)


def test_missing_weights_are_said_before_any_work(faces, tmp_path):
    with pytest.raises(MissingError, match="no such file"):
        find_landmarks(faces, tmp_path / "l.h5", predictor=tmp_path / "no.dat", jobs=1)
    assert not list(tmp_path.iterdir())


def _die(options, tasks, points):
    os._exit(1)


def test_a_worker_that_dies_is_one_line(faces, tiny_predictor, tmp_path, monkeypatch):
    monkeypatch.setattr(find, "find_in_chunk", _die)
    with pytest.raises(WsegsError, match=r"a worker process died.*run the same command again"):
        find_landmarks(faces, tmp_path / "l.h5", predictor=tiny_predictor, jobs=2)
    assert (tmp_path / "l.h5.partial").exists()


def test_known_boxes_choose_the_face(faces, tiny_predictor, tmp_path):
    row = faces.images.index("pair.png")
    for left in (0, 256):
        pair = replace(faces.select([row]), boxes=np.array([[left, 0, 256, 256]], np.float32))
        table = find_landmarks(pair, tmp_path / f"{left}.h5", predictor=tiny_predictor, jobs=1)
        assert left <= table.boxes[0, 0] < left + 256
        assert left <= table.landmarks[0, :, 0].mean() < left + 256


def test_imported_landmarks_win_and_skip_detection(faces, tiny_predictor, undisturbed, tmp_path):
    table = read_landmarks(undisturbed)
    write_csv(tmp_path / "l.csv", table)
    text = (tmp_path / "l.csv").read_text(encoding="utf-8")
    (tmp_path / "l.csv").write_text(text.replace("hopper.jpg", "stranger.jpg"), encoding="utf-8")
    imported = read_imports([tmp_path / "l.csv"], faces.images)
    assert imported.unmatched == (Unmatched("row without an image", "stranger.jpg", f"{tmp_path / 'l.csv'}, line 3"),)
    again = find_landmarks(faces, tmp_path / "l.h5", predictor=tiny_predictor, imported=imported, jobs=1)
    assert summarise(again)["found_by"] == {"dlib": 1, "imported": 4}
    np.testing.assert_array_equal(again.landmarks, table.landmarks)
    np.testing.assert_array_equal(again.image_size, table.image_size)
    assert "stranger.jpg" in (tmp_path / "l.unmatched.csv").read_text()


def test_imports_alone_need_no_weights(faces, tmp_path):
    landmarks = np.full((len(faces), 68, 2), 5, np.float32)
    table = find_landmarks(faces, tmp_path / "l.h5", detectors=("none",), imported=Imported(landmarks), jobs=1)
    assert summarise(table)["found_by"] == {"imported": 6}
    assert summarise(table)["unreadable"] == 3


def test_tasks_are_small_to_send(faces, tiny_predictor):
    options = ChainOptions(predictor=str(tiny_predictor))
    known = find.Known(np.full((len(faces), 68, 2), np.nan, np.float32), np.zeros(len(faces), np.uint8))
    tasks = next(find._chunks(faces, known, None, np.arange(len(faces))))
    assert len(pickle.dumps((find_in_chunk, options, tasks, 68))) < 2000


def test_no_images_at_all(faces, tiny_predictor, tmp_path):
    assert len(find_landmarks(faces.select([]), tmp_path / "l.h5", predictor=tiny_predictor, jobs=1)) == 0
    assert read_landmarks(tmp_path / "l.h5").landmarks.shape == (0, 68, 2)


def test_faces_found_before_are_kept(faces, undisturbed, tiny_predictor, tmp_path, monkeypatch):
    """An earlier table stands in for the search; only its other images, and the imported ones, are looked at."""
    searched: list[str] = []
    real = find.find_in_chunk

    def spy(options, tasks, points):
        searched.extend(task.path for task in tasks)
        return real(options, tasks, points)

    monkeypatch.setattr(find, "find_in_chunk", spy)
    earlier = read_landmarks(undisturbed)
    table = find_landmarks(faces, tmp_path / "l.h5", predictor=tiny_predictor, earlier=earlier, jobs=1)
    assert len(searched) == len(faces) - earlier.found.sum()
    np.testing.assert_array_equal(table.landmarks, earlier.landmarks)
    np.testing.assert_array_equal(table.status, earlier.status)
    assert table.provenance["earlier"] == earlier.provenance


def test_an_earlier_table_is_joined_by_name(faces, undisturbed, tiny_predictor, tmp_path):
    earlier = read_landmarks(undisturbed)
    turned = faces.select(np.arange(len(faces))[::-1])
    table = find_landmarks(turned, tmp_path / "l.h5", predictor=tiny_predictor, earlier=earlier, jobs=1)
    np.testing.assert_array_equal(table.landmarks[::-1], earlier.landmarks)
