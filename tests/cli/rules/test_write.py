"""``wsegs rules new``, ``check``, ``preview`` and ``schema``, as a user runs them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from wsegs.landmarks.doubt import average_face
from wsegs.landmarks.table import LandmarkTable, read_landmarks, write_landmarks
from wsegs.schemes import IBUG68, load_scheme

RULES = """version: 1
scheme: ibug68
regions:
  eyes: {polygon: 36..41, mirror: true}
  left: {polygon: 0..8, when: x0 > 1000}
attributes:
  Narrow_Eyes: eyes | left
"""
FACES = Path(__file__).parents[3] / "examples" / "faces"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.yaml").write_text(RULES)
    return tmp_path


@pytest.fixture
def landmarks(folder, astronaut_landmarks):
    table = LandmarkTable(
        scheme=IBUG68,
        images=("astronaut.jpg", "b.png"),
        landmarks=np.stack([astronaut_landmarks] * 2),
        status=np.array([1, 1], np.uint8),
        status_names=("none", "dlib"),
        faces=np.array([1, 1], np.int16),
        boxes=np.full((2, 4), np.nan, np.float32),
        image_size=np.tile(np.array([320, 320], np.int32), (2, 1)),
        attribute_names=("Narrow_Eye",),
        attributes=np.zeros((2, 1), np.int8),
        identity=np.full(2, -1, np.int32),
        split=np.zeros(2, np.int8),
        provenance={},
    )
    write_landmarks("landmarks.h5", table)


def test_check_says_everything_at_once(run, folder):
    (folder / "bad.yaml").write_text(
        RULES.replace("36..41", "36..99").replace("0..8", "0..").replace("eyes |", "eyez |")
    )
    done = run("rules", "check", "bad.yaml")
    assert done.code == 1
    assert done.out.splitlines() == [
        "bad.yaml:4:19: error: ibug68 has landmarks 0 to 67, got 99",
        "bad.yaml:5:19: error: expected a landmark number, a range such as 36..41, a point [x, y] or a group, got '0..'",  # noqa: E501
        "bad.yaml:7:16: error: unknown region 'eyez'; did you mean 'eyes'? in 'eyez | left'",
        "bad.yaml: 3 errors, 0 warnings",
    ]
    assert done.err == ""


def test_check_with_landmarks_warns(run, landmarks):
    assert run("rules", "check", "rules.yaml").out == "rules.yaml: 2 regions, 1 attributes, 0 errors, 0 warnings\n"
    done = run("rules", "check", "rules.yaml", "--landmarks", "landmarks.h5")
    assert done.code == 0
    assert "rules.yaml:5:3: warning: the region 'left' is empty on 100.0% of 2 faces" in done.out
    assert (
        "rules.yaml:7:3: warning: the data set has no attribute 'Narrow_Eyes'; did you mean 'Narrow_Eye'?" in done.out
    )
    assert "'Narrow_Eye' has no rule" in done.out
    assert run("rules", "check", "rules.yaml", "--landmarks", "landmarks.h5", "--strict").code == 1
    found = json.loads(run("rules", "check", "rules.yaml", "--landmarks", "landmarks.h5", "--json").out)
    assert (found["errors"], found["warnings"], found["findings"][1]["line"]) == (0, 3, 5)


def test_check_of_what_is_no_rule_file(run, folder):
    (folder / "latin.yaml").write_bytes(b"a: caf\xe9")
    for name, words in (
        ("latin.yaml", "expected UTF-8"),
        ("nothing.yaml", "no such file"),
        ("rules.d", "no such file"),
    ):
        done = run("rules", "check", name)
        assert done.code == 1
        assert words in done.err
        assert done.err.count("\n") == 1


@pytest.mark.slow
def test_preview_over_the_average_face_and_over_an_image(run, landmarks):
    done = run("rules", "preview", "rules.yaml")
    assert (done.code, done.out) == (0, "preview.png: 2 regions, 1 attributes\n"), done.err
    average = cv2.imread("preview.png")
    assert run("rules", "preview", "rules.yaml").code == 1  # it is there already
    image = FACES / "astronaut.jpg"
    done = run("rules", "preview", "rules.yaml", image, "--landmarks", "landmarks.h5", "-o", "face.png")
    assert done.code == 0, done.err
    assert cv2.imread("face.png").shape[1] == average.shape[1]
    assert (cv2.imread("face.png")[: len(average)] != average).any()


def test_preview_of_wrong_input(run, landmarks):
    (Path("own.yaml")).write_text(
        "version: 1\nscheme: {name: own, points: 5, eyes: {left: 0, right: 1}, nose: 2, mouth: {left: 3, right: 4},"
        " mirror: [[0, 1], [3, 4]]}\nregions: {a: {box: 0..4}}\n"
    )
    for arguments, words in (
        (["own.yaml"], "own.yaml: the landmark scheme 'own' has no average face; name an IMAGE"),
        (["own.yaml", FACES / "astronaut.jpg", "--landmarks", "landmarks.h5"], "'own'"),
        (["rules.yaml", "nothing.jpg"], "nothing.jpg: No such file"),
        (["rules.yaml", FACES / "grace_hopper.jpg", "--landmarks", "landmarks.h5"], "expected one face of an image"),
        (
            ["own.yaml", "--landmarks", "landmarks.h5"],
            "landmarks.h5: expected landmarks of the scheme 'own'",
        ),
        (["rules.yaml", "-o", "preview.jpg"], "expected a name that ends in .png"),
    ):
        done = run("rules", "preview", *arguments)
        assert done.code == 1
        assert words in done.err
        assert done.err.count("\n") == 1


@pytest.mark.slow
def test_the_average_of_a_table_stands_for_that_of_a_scheme_of_ones_own(run, landmarks, folder):
    own = {**IBUG68.as_mapping(average=False), "name": "own", "names": {}}
    (folder / "own.yaml").write_text(json.dumps(own))  # JSON is YAML
    (folder / "rules.yaml").write_text(RULES.replace("ibug68", "own.yaml"))
    done = run("rules", "preview", "rules.yaml", "-o", "a.png")
    assert (done.code, "has no average face; name an IMAGE, or a landmarks.h5 of this scheme" in done.err) == (1, True)
    assert (
        "--landmarks landmarks.h5: expected landmarks of"
        in run("rules", "preview", "rules.yaml", "--landmarks", "landmarks.h5", "-o", "a.png").err
    )
    table = read_landmarks("landmarks.h5")
    write_landmarks("own.h5", replace(table, scheme=load_scheme(folder / "own.yaml")))
    done = run("rules", "preview", "rules.yaml", "--landmarks", "own.h5", "-o", "a.png")
    assert (done.code, done.out) == (0, "a.png: 2 regions, 1 attributes\n"), done.err
    # Two times one face: its average is itself, so the drawing is that of the face.
    (folder / "own.yaml").write_text(json.dumps({**own, "average": average_face(table.landmarks, IBUG68).tolist()}))
    assert run("rules", "preview", "rules.yaml", "-o", "b.png").code == 0
    first, second = cv2.imread("a.png"), cv2.imread("b.png")
    np.testing.assert_array_equal(first[100:], second[100:])  # below the title
    (folder / "own.yaml").write_text(json.dumps(own))
    new = ("rules", "new", "--scheme", "own.yaml", "--attribute", "Hat", "-o")
    assert run(*new, "plain.yaml").code == 0
    done = run(*new, "measured.yaml", "--landmarks", "own.h5")
    assert done.out.endswith("wsegs rules preview measured.yaml --landmarks own.h5\n")
    assert run("rules", "preview", "measured.yaml", "--landmarks", "own.h5", "-o", "d.png").code == 0
    # The eyes' centres of this face are 0.68 of the distance of its outer corners apart.
    left, right = IBUG68.five_points(table.landmarks[:1])[0, :2]
    apart = np.linalg.norm(right - left) / IBUG68.inter_ocular_distance(table.landmarks[:1])[0]
    plain, measured = ((folder / name).read_text() for name in ("plain.yaml", "measured.yaml"))
    assert f"radii: [{0.16 / 0.69:.2f}, " in plain
    assert f"radii: [{0.16 * apart / 0.69:.2f}, " in measured


def test_new_writes_a_file_that_checks(run, folder):
    (folder / "labels.csv").write_text("file,Smiling,Has_Hat\na.jpg,1,0\n")
    done = run("rules", "new", "--labels", "labels.csv", "-o", "mine.yaml")
    assert done.out.splitlines()[0] == "mine.yaml: attributes: 2"
    assert "  Smiling: mouth\n  Has_Hat: hair\n" in (folder / "mine.yaml").read_text()
    assert run("rules", "check", "mine.yaml", "--strict").code == 0
    assert run("rules", "new", "-o", "mine.yaml").code == 1
    assert run("rules", "new", "-o", "mine.yaml", "--force", "--attribute", "Goatee", "--scheme", "celeba5").code == 0
    assert "scheme: celeba5" in (folder / "mine.yaml").read_text()
    assert run("rules", "new", "-o", "other.yaml", "--data", FACES).out.startswith("other.yaml: attributes: 40")
    done = run("rules", "new", "-o", "third.yaml", "--scheme", "ibug86")
    assert "did you mean 'ibug68'" in done.err
    assert not (folder / "third.yaml").exists()


def test_schema_is_what_is_published(run, folder):
    published = (Path(__file__).parents[3] / "rules" / "schema.json").read_text()
    assert run("rules", "schema").out == published
    assert run("rules", "schema", "-o", "schema.json").code == 0
    assert (folder / "schema.json").read_text() == published
    assert run("rules", "schema", "-o", "schema.json").code == 1


def test_new_for_a_scheme_of_ones_own(run, folder):
    (folder / "schemes").mkdir()
    (folder / "out").mkdir()
    (folder / "schemes" / "own.yaml").write_text(
        "name: own\npoints: 5\neyes: {left: 0, right: 1}\nnose: 2\n"
        "mouth: {left: 3, right: 4}\nmirror: [[0, 1], [3, 4]]\n"
    )
    done = run("rules", "new", "--scheme", "schemes/own.yaml", "-o", "out/mine.yaml", "--attribute", "Smile")
    assert done.code == 0, done.err
    assert done.out.endswith("next: wsegs rules check out/mine.yaml\n")  # a picture needs an image
    assert run("rules", "check", "out/mine.yaml", "--strict").code == 0
    for options, words in (
        (["--attribute", "A", "--data", FACES], "expected either"),
        (["--attribute", ""], "expected a name"),
        (["--scheme", "schemes/own.yaml", "-o", "schemes/own.yaml", "--force"], "a file of its own"),
    ):
        done = run("rules", "new", "-o", "x.yaml", *options)
        assert done.code == 1
        assert words in done.err


def test_findings_come_before_landmarks_that_are_not_there(run, folder):
    (folder / "bad.yaml").write_text(RULES.replace("36..41", "36..99"))
    assert "got 99" in run("rules", "check", "bad.yaml", "--landmarks", "nothing.h5").out
    assert "nothing.h5: no such file" in run("rules", "check", "rules.yaml", "--landmarks", "nothing.h5").err
