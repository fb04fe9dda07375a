from __future__ import annotations

import csv
import os
import pickle
import shutil
import subprocess
from contextlib import suppress
from dataclasses import replace

import numpy as np
import PIL.Image
import pytest

from wsegs.datasets import open_dataset
from wsegs.datasets.index import Unmatched
from wsegs.errors import DataError, MissingError, OptionError, OutputExistsError, WsegsError
from wsegs.io.journal import Journal
from wsegs.landmarks import find
from wsegs.landmarks import tasks as worker
from wsegs.landmarks.chain import ChainOptions
from wsegs.landmarks.dataset_boxes import BOX_CENTRE, BOX_SIDE
from wsegs.landmarks.doubtful import read_names, reject_faces, write_doubtful
from wsegs.landmarks.find import find_in_chunk, find_landmarks, summarise
from wsegs.landmarks.imports import Imported, read_imports, write_csv
from wsegs.landmarks.scaling import Scale
from wsegs.landmarks.table import REJECTED, read_landmarks
from wsegs.schemes import IBUG68


@pytest.fixture(scope="module")
def undisturbed(faces, tiny_predictor, tmp_path_factory):
    output = tmp_path_factory.mktemp("undisturbed") / "l.h5"
    find_landmarks(faces, output, predictor=tiny_predictor, jobs=1)
    return output


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(find, "_CHUNK", 2)


@pytest.mark.slow
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
        "doubtful": 1,
        "unsure": 0,
        "several_frames": 0,
        "no_face": 1,
        "rejected": 0,
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


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [2, 4])
def test_any_number_of_processes_gives_the_same_bytes(faces, tiny_predictor, undisturbed, tmp_path, jobs):
    find_landmarks(faces, tmp_path / "l.h5", predictor=tiny_predictor, jobs=jobs)
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

    monkeypatch.setattr(find, "find_in_chunk", find_in_chunk)
    again = []
    real = worker.open_photo
    monkeypatch.setattr(worker, "open_photo", lambda path, side: again.append(path) or real(path, side))
    find_landmarks(faces, output, predictor=tiny_predictor, jobs=1)
    assert output.read_bytes() == undisturbed.read_bytes()
    assert len(again) == len(faces) - 4
    assert not journal.exists()


def test_other_options_do_not_go_on(faces, tiny_predictor, tmp_path, monkeypatch):
    def interrupted(options, tasks, points):
        if tasks[0].index:
            raise KeyboardInterrupt
        return find_in_chunk(options, tasks, points)

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


@pytest.fixture
def small_disk(tmp_path):
    """Return a function that mounts a file system of so many KB, where this process may mount one."""
    mounted = []

    def mount(kilobytes: int, options: str = "rw"):
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k,{options}", "none", str(folder)]
        if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("needs the right to mount a small file system")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_line_and_what_was_done_is_kept(faces, tiny_predictor, undisturbed, small_disk, monkeypatch):
    folder = small_disk(200)  # the journal's header and some records
    monkeypatch.setattr(find, "_CHUNK", 1)
    with pytest.raises(WsegsError, match=r"l\.h5\.partial: database or disk is full; what was done is kept there: run"):
        find_landmarks(faces, folder / "l.h5", predictor=tiny_predictor, jobs=1)
    subprocess.run(["mount", "-o", "remount,size=1m", str(folder)], check=True)
    left = []
    find_landmarks(faces, folder / "l.h5", predictor=tiny_predictor, jobs=1, begin=left.append)
    assert 0 < left[0] < len(faces)
    assert (folder / "l.h5").read_bytes() == undisturbed.read_bytes()


def test_a_disk_that_is_full_at_the_very_end_keeps_all(faces, tiny_predictor, undisturbed, small_disk, monkeypatch):
    folder = small_disk(1000)

    def fill(*_):
        with suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1000))

    monkeypatch.setattr(find, "write_unmatched", fill)
    with pytest.raises(WsegsError, match=r"l\.h5: No space left on device; all that was found is kept in .*\.partial"):
        find_landmarks(faces, folder / "l.h5", predictor=tiny_predictor, jobs=1)
    assert not (folder / "l.h5").exists()
    (folder / "filler").unlink()
    monkeypatch.undo()
    left = []
    find_landmarks(faces, folder / "l.h5", predictor=tiny_predictor, jobs=1, begin=left.append)
    assert left == [0]
    assert (folder / "l.h5").read_bytes() == undisturbed.read_bytes()


def test_a_file_system_that_turns_read_only(faces, tiny_predictor, undisturbed, tmp_path, monkeypatch):
    """Simulated: the journal's third write is refused as such a file system would."""
    real, writes = Journal.write, []

    def write(journal, values):
        writes.append(journal)
        if len(writes) == 3:
            journal._connection.execute("PRAGMA query_only=ON")
        real(journal, values)

    monkeypatch.setattr(Journal, "write", write)
    with pytest.raises(WsegsError, match=r"l\.h5\.partial: attempt to write a readonly database; what was done"):
        find_landmarks(faces, tmp_path / "l.h5", predictor=tiny_predictor, jobs=1)
    monkeypatch.undo()
    left = []
    find_landmarks(faces, tmp_path / "l.h5", predictor=tiny_predictor, jobs=1, begin=left.append)
    assert 0 < left[0] < len(faces)
    assert (tmp_path / "l.h5").read_bytes() == undisturbed.read_bytes()


def test_an_output_is_not_overwritten(faces, tiny_predictor, undisturbed):
    with pytest.raises(OutputExistsError, match="--force"):
        find_landmarks(faces, undisturbed, predictor=tiny_predictor, jobs=1)


def test_missing_weights_are_said_before_any_work(faces, tmp_path):
    with pytest.raises(MissingError, match="no such file"):
        find_landmarks(faces, tmp_path / "l.h5", predictor=tmp_path / "no.dat", jobs=1)
    assert not list(tmp_path.iterdir())


def _die(options, tasks, points):
    os._exit(1)


@pytest.mark.slow
def test_a_worker_that_dies_is_one_line(faces, tiny_predictor, tmp_path, monkeypatch):
    monkeypatch.setattr(find, "find_in_chunk", _die)
    with pytest.raises(WsegsError, match=r"a worker process died.*run the same command again"):
        find_landmarks(faces, tmp_path / "l.h5", predictor=tiny_predictor, jobs=2)
    assert not list(tmp_path.iterdir())  # nothing was found


def test_known_boxes_choose_the_face(faces, tiny_predictor, tmp_path):
    row = faces.images.index("pair.png")
    for left in (0, 256):
        pair = replace(faces.select([row]), boxes=np.array([[left, 0, 256, 256]], np.float32))
        table = find_landmarks(pair, tmp_path / f"{left}.h5", predictor=tiny_predictor, jobs=1)
        assert left <= table.boxes[0, 0] < left + 256
        assert left <= table.landmarks[0, :, 0].mean() < left + 256


def test_places_from_the_data_set_are_not_searched(faces, tiny_predictor, undisturbed, tmp_path, monkeypatch):
    """Boxes framed as CelebA's about faces that HOG found give the same landmarks; what has none is searched."""
    table = read_landmarks(undisturbed)
    side = table.boxes[:, 2:3]
    width = side / BOX_SIDE
    size = np.concatenate([width, 1.39 * width], axis=1)
    boxes = np.concatenate([table.boxes[:, :2] + side / 2 - size * BOX_CENTRE, size], axis=1).astype(np.float32)
    searched = faces.images.index("hopper.jpg")
    boxes[searched] = np.nan
    boxed = replace(faces, boxes=boxes)
    again = find_landmarks(boxed, tmp_path / "l.h5", predictor=tiny_predictor, boxes_from_data=True, jobs=1)
    assert summarise(again)["found_by"] == {"dlib": 1, "data set box": 4}
    assert again.status_names[again.status[searched]] == "dlib"
    np.testing.assert_array_equal(again.landmarks, table.landmarks)
    np.testing.assert_allclose(again.boxes, table.boxes, atol=0.01)
    assert again.provenance["options"]["boxes_from_data"] is True

    points = np.full((len(faces), 5, 2), np.nan, np.float32)
    points[table.found] = IBUG68.five_points(table.landmarks[table.found])
    pointed = replace(faces, points=points)
    by_points = find_landmarks(pointed, tmp_path / "p.h5", predictor=tiny_predictor, boxes_from_data=True, jobs=1)
    assert summarise(by_points)["found_by"] == {"data set box": 5}

    with pytest.raises(MissingError, match=r"--boxes-from-data: .*'folder' does not say where its faces are"):
        find_landmarks(faces, tmp_path / "n.h5", predictor=tiny_predictor, boxes_from_data=True, jobs=1)
    with pytest.raises(OptionError, match="--boxes-from-data: expected a detector"):
        find_landmarks(boxed, tmp_path / "n.h5", detectors=("none",), boxes_from_data=True, jobs=1)


def test_an_export_is_there_before_the_table(faces, tiny_predictor, undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(find, "write_landmarks", lambda *_, **__: pytest.fail("stop here"))
    with pytest.raises(pytest.fail.Exception, match="stop here"):
        find_landmarks(faces, tmp_path / "l.h5", predictor=tiny_predictor, jobs=1, export=tmp_path / "l.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("l.csv", "l.doubtful.csv", "l.h5.partial", "l.missing.csv", "l.unmatched.csv")
    ]


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
    face = np.array(IBUG68.average, np.float32) * 50 + [120, 90]
    imported = Imported(np.tile(face.astype(np.float32), (len(faces), 1, 1)))
    table = find_landmarks(faces, tmp_path / "l.h5", detectors=("none",), imported=imported, jobs=1)
    assert summarise(table)["found_by"] == {"imported": 6}
    assert summarise(table)["unreadable"] == 3


def test_scores_of_imported_faces_are_kept_and_rejected_by(faces, tmp_path):
    face = np.array(IBUG68.average, np.float32) * 50 + [120, 90]
    scores = np.linspace(0.1, 0.9, len(faces), dtype=np.float32)
    scores[1] = np.nan
    imported = Imported(np.tile(face.astype(np.float32), (len(faces), 1, 1)), scores=scores)
    options = {"detectors": ("none",), "imported": imported, "jobs": 1}
    table = find_landmarks(faces, tmp_path / "l.h5", **options)
    np.testing.assert_array_equal(table.score[table.found], scores[table.found])
    assert summarise(table)["unsure"] == (scores[table.found] < 0.5).sum() > 0
    listed = (tmp_path / "l.doubtful.csv").read_text()
    for row in np.flatnonzero(table.found & (scores < 0.5)).tolist():
        assert f"{faces.images[row]},the detector is unsure,{scores[row]:.3f}" in listed
    sure = find_landmarks(faces, tmp_path / "m.h5", min_score=0.4, **options)
    assert (sure.status == REJECTED).sum() == (scores[table.found] < 0.4).sum()
    again = find_landmarks(faces, tmp_path / "n.h5", detectors=("none",), earlier=table, jobs=1)
    np.testing.assert_array_equal(again.score, table.score)


def test_tasks_are_small_to_send(faces, tiny_predictor):
    options = ChainOptions(predictor=str(tiny_predictor))
    unknown = np.full(len(faces), np.nan, np.float32)
    known = find.Known(np.full((len(faces), 68, 2), np.nan, np.float32), np.zeros(len(faces), np.uint8), unknown)
    tasks = next(find._chunks(faces, known, None, np.arange(len(faces))))
    assert len(pickle.dumps((find_in_chunk, options, tasks, 68))) < 2000


def test_no_images_at_all(faces, tiny_predictor, tmp_path):
    assert len(find_landmarks(faces.select([]), tmp_path / "l.h5", predictor=tiny_predictor, jobs=1)) == 0
    assert read_landmarks(tmp_path / "l.h5").landmarks.shape == (0, 68, 2)


@pytest.mark.slow
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


def test_an_earlier_table_is_scaled_to_resized_images_on_request(faces, undisturbed, tmp_path):
    earlier = read_landmarks(undisturbed)
    names = [name for name, found in zip(earlier.images, earlier.found, strict=True) if found]
    for name in names:
        picture = PIL.ImageOps.exif_transpose(PIL.Image.open(faces.root / name)).convert("RGB")
        (tmp_path / "large" / name).parent.mkdir(parents=True, exist_ok=True)
        picture.resize((2 * picture.width, 2 * picture.height)).save(tmp_path / "large" / name)
    large = open_dataset(tmp_path / "large")
    options = {"detectors": ("none",), "earlier": earlier, "jobs": 1}
    with pytest.raises(DataError, match=r"by the landmarks to update .*; --import-scale file scales them"):
        find_landmarks(large, tmp_path / "l.h5", **options)
    table = find_landmarks(large, tmp_path / "l.h5", **options, import_scale=Scale("file"))
    rows = [earlier.images.index(name) for name in table.images]
    assert table.found.all()
    np.testing.assert_allclose(table.landmarks, (earlier.landmarks[rows] + 0.5) * 2 - 0.5, atol=1e-3)
    np.testing.assert_allclose(table.boxes[:, 2:], earlier.boxes[rows, 2:] * 2, atol=1e-3)
    np.testing.assert_array_equal(table.image_size, earlier.image_size[rows] * 2)
    np.testing.assert_array_equal(table.status, earlier.status[rows])
    with pytest.raises(DataError, match="the landmarks to update"):  # 1 takes imports as they are
        find_landmarks(large, tmp_path / "m.h5", **options, import_scale=Scale("factor"))


def test_faces_are_rejected_by_name_and_by_score_and_stay_so(faces, undisturbed, tiny_predictor, tmp_path):
    earlier = read_landmarks(undisturbed)
    assert np.isfinite(earlier.score).tolist() == earlier.found.tolist()
    least = float(np.nanmin(earlier.score))
    lowest = earlier.images[int(np.nanargmin(earlier.score))]
    other = next(name for name, found in zip(earlier.images, earlier.found, strict=True) if found and name != lowest)
    table = find_landmarks(
        faces,
        tmp_path / "l.h5",
        predictor=tiny_predictor,
        earlier=earlier,
        jobs=1,
        reject=[other],
        min_score=least + 1e-5,
    )
    for name in (lowest, other):
        row = table.images.index(name)
        assert (table.status[row], table.found[row], table.usable[row]) == (REJECTED, False, False)
        assert np.isnan(table.landmarks[row]).all()
        assert table.score[row] == earlier.score[row]
    assert table.found.sum() == earlier.found.sum() - 2
    assert summarise(table)["rejected"] == 2
    text = (tmp_path / "l.missing.csv").read_text(encoding="utf-8")
    assert f"{lowest},rejected: score {least:.2f}" in text.replace('"', "")
    assert f"{other},rejected\n" in text.replace('"', "")
    assert read_landmarks(tmp_path / "l.h5") == table
    again = find_landmarks(faces, tmp_path / "m.h5", predictor=tiny_predictor, earlier=table, jobs=1)
    np.testing.assert_array_equal(again.status, table.status)
    with pytest.raises(OptionError, match=r"--reject: 'hoper.jpg' is none of the 9 images; did you mean 'hopper.jpg'"):
        reject_faces(earlier, ["hoper.jpg"])


def test_names_to_reject_are_a_list_or_a_csv(tmp_path):
    (tmp_path / "a.txt").write_text("a.jpg\n\n b/ü.jpg \n", encoding="utf-8")
    (tmp_path / "b.csv").write_text('\ufeffimage,why\n"a, b.jpg",2 faces\n', encoding="utf-8")
    assert read_names(tmp_path / "a.txt") == ["a.jpg", "b/ü.jpg"]
    assert read_names(tmp_path / "b.csv") == ["a, b.jpg"]
    with pytest.raises(DataError, match=r"c.csv: expected a list of image names"):
        read_names(tmp_path / "c.csv")


def test_faces_to_look_at_are_listed_the_oddest_first(undisturbed, tmp_path):
    table = read_landmarks(undisturbed)
    found = np.flatnonzero(table.found)
    doubt, score, count = np.zeros(len(table), np.float32), np.ones(len(table), np.float32), table.faces.copy()
    count[:] = 1
    doubt[found[1]], score[found[2]], score[found[3]], count[found[3]] = 0.6, 0.2, 0.1, 3
    write_doubtful(replace(table, doubt=doubt, score=score, faces=count), tmp_path / "l.csv")
    with (tmp_path / "l.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [table.images[row] for row in (found[1], found[3], found[2])]
    assert rows[0]["why"] == "the shape is far from a face's"
    assert rows[1] == {
        "image": table.images[found[3]],
        "why": "the detector is unsure; 3 faces",
        "score": "0.100",
        "faces": "3",
        "doubt": "0.000",
    }


def test_several_pages_are_counted(astronaut, tiny_predictor, tmp_path):
    page = PIL.Image.fromarray(astronaut[:256, 100:356])
    (tmp_path / "data").mkdir()
    page.save(tmp_path / "data/one.tif")
    page.save(tmp_path / "data/two.tif", save_all=True, append_images=[page])
    table = find_landmarks(open_dataset(tmp_path / "data"), tmp_path / "l.h5", predictor=tiny_predictor, jobs=1)
    assert table.found.all()
    assert summarise(table)["several_frames"] == 1
