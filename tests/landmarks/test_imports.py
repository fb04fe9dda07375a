from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wsegs.errors import DataError, MissingError, WsegsError
from wsegs.landmarks.imports import read_imports, write_csv

X = [f"x_{i}" for i in range(68)]
Y = [f"y_{i}" for i in range(68)]
IMAGES = ("a.jpg", "folder/b.jpg", "c.png")


def _pts(points, path, count=68):
    lines = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"version: 1\nn_points: {count}\n{{\n{lines}\n}}\n")


def _csv(path, header, *rows):
    path.write_text("\n".join(",".join(map(str, row)) for row in [header, *rows]) + "\n")
    return path


def _values(points):
    return [*points[:, 0], *points[:, 1]]


def test_pts_are_one_based_and_joined_by_name_without_extension(astronaut_landmarks, tmp_path):
    _pts(astronaut_landmarks + 1, tmp_path / "a.pts")
    _pts(astronaut_landmarks + 11, tmp_path / "folder" / "b.pts")
    _pts(astronaut_landmarks, tmp_path / "stranger.pts")
    imported = read_imports([tmp_path], IMAGES)
    assert imported.found.tolist() == [True, True, False]
    np.testing.assert_allclose(imported.landmarks[0], astronaut_landmarks, atol=1e-3)
    np.testing.assert_allclose(imported.landmarks[1], astronaut_landmarks + 10, atol=1e-3)
    assert [(entry.name, entry.source) for entry in imported.unmatched] == [
        ("stranger", str(tmp_path / "stranger.pts"))
    ]
    assert imported.sources == [{"path": str(tmp_path), "images": 2}]


def test_a_stem_is_enough_if_only_one_image_has_it(astronaut_landmarks, tmp_path):
    _pts(astronaut_landmarks, tmp_path / "b.pts")
    assert read_imports([tmp_path / "b.pts"], IMAGES).found.tolist() == [False, True, False]
    with pytest.raises(DataError, match=r"b\.pts: 'b' fits several images \(folder/b\.jpg, other/b\.jpg\)"):
        read_imports([tmp_path], (*IMAGES, "other/b.jpg"))


def test_landmarks_twice_for_one_image_name_both_places(astronaut_landmarks, tmp_path):
    _pts(astronaut_landmarks, tmp_path / "a.pts")
    _csv(tmp_path / "t.csv", ["image", *X, *Y], ["a.jpg", *_values(astronaut_landmarks)])
    with pytest.raises(DataError, match=r"t\.csv, line 2: a\.jpg has landmarks already, from .*a\.pts"):
        read_imports([tmp_path / "a.pts", tmp_path / "t.csv"], IMAGES)


def test_openface_with_blanks_takes_the_surest_face(astronaut_landmarks, tmp_path):
    header = ["face", " confidence", *(f" {name}" for name in (*X, *Y))]
    path = _csv(
        tmp_path / "a.csv",
        header,
        [0, 0.3, *_values(astronaut_landmarks + 50)],
        [1, 0.98, *_values(astronaut_landmarks)],
    )
    imported = read_imports([path], IMAGES)
    np.testing.assert_array_equal(imported.landmarks[0], astronaut_landmarks)


def test_openface_without_success_is_no_face(astronaut_landmarks, tmp_path):
    header = ["frame", " face_id", " confidence", " success", *X, *Y]
    path = _csv(tmp_path / "a.csv", header, [1, 0, 0.1, 0, *_values(astronaut_landmarks)])
    assert not read_imports([path], IMAGES).found.any()
    _csv(path, header, *([frame, 0, 0.9, 1, *_values(astronaut_landmarks)] for frame in (1, 2)))
    with pytest.raises(DataError, match="several frames of a video"):
        read_imports([path], IMAGES)


@pytest.mark.parametrize("column", ["file", "filename", "image", "whatever"])
def test_a_table_with_names(astronaut_landmarks, tmp_path, column):
    path = _csv(tmp_path / "t.csv", [column, *X, *Y], ["folder/b.jpg", *_values(astronaut_landmarks)])
    assert read_imports([path], IMAGES).found.tolist() == [False, True, False]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    landmarks=hnp.arrays(np.float32, (3, 68, 2), elements=st.floats(-5000, 60000, width=32)),
    names=st.lists(
        st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/"), min_size=1),
        min_size=3,
        max_size=3,
    ),
)
def test_export_and_import_is_a_round_trip(table, tmp_path, landmarks, names):
    images = tuple(f"{i} {name}.jpg" for i, name in enumerate(names))
    landmarks[:, 0] = 7  # all 0 or all -1 would be "no face"
    table = replace(table, images=(*images, "d"), landmarks=np.concatenate([landmarks, landmarks[:1] * np.nan]))
    table = replace(table, status=np.array([1, 2, 4, 0], np.uint8))
    write_csv(tmp_path / "t.csv", table)
    imported = read_imports([tmp_path / "t.csv"], table.images)
    assert imported.found.tolist() == [True, True, True, False]
    np.testing.assert_array_equal(imported.landmarks, table.landmarks)


def test_select_keeps_rows(astronaut_landmarks, tmp_path):
    _pts(astronaut_landmarks, tmp_path / "c.pts")
    imported = read_imports([tmp_path], IMAGES).select([2, 0])
    assert imported.found.tolist() == [True, False]


GOOD = [str(i) for i in range(136)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.pts", "", r"a\.pts: expected 68 points of ibug68, got 0"),
        ("a.pts", "{\n1 2\n", r"a\.pts: expected 68 points between braces, got no closing brace"),
        ("a.pts", "1 2\n}\n", r"a\.pts: expected 68 points between braces, got no opening brace"),
        ("a.pts", "1 2\n{\n", r"a\.pts, line 2: expected the opening brace before the points"),
        ("a.pts", "n_points: 5\n", r"a\.pts, line 1: expected n_points: 68, got 'n_points: 5'"),
        ("a.pts", "{\n1 2\n}\n", r"a\.pts: expected 68 points of ibug68, got 1;"),
        ("a.pts", "{\n1 2 3\n}\n", r"a\.pts, line 2: expected x and y, got '1 2 3'"),
        ("a.pts", "{\n1 nan\n}\n", r"a\.pts, line 2: expected a number of pixels, got 'nan'"),
        ("a.pts", "{\n1 inf\n}\n", r"a\.pts, line 2: expected a number of pixels, got 'inf'"),
        ("a.pts", "{\n1 x\n}\n", r"a\.pts, line 2: expected a number of pixels, got 'x'"),
        ("a.pts", "{\n}\n1 2\n", r"a\.pts, line 3: expected nothing after the closing brace"),
        ("a.pts", "1" * 70000, r"a\.pts: 70000 bytes, too long"),
        ("a.csv", "", r"a\.csv, line 1: expected columns x_0\.\.x_67"),
        ("a.csv", ",".join(["image", *X, *Y[:-1]]), r"line 1: .*y_67 is missing"),
        ("a.csv", ",".join(["image", *X, *Y, "x_0"]), r"line 1: the column 'x_0' stands twice"),
        ("a.csv", "\n".join([",".join(["image", *X, *Y]), "a.jpg,1,2"]), r"line 2: expected 137 columns, got 3"),
        (
            "a.csv",
            "\n".join([",".join(["image", *X, *Y]), ",".join(["a.jpg", *GOOD[:-1], "nan"])]),
            r"a\.csv, line 2: expected a number of pixels, got 'nan'",
        ),
        (
            "a.csv",
            "\n".join([",".join([*X, *Y]), ",".join(GOOD), ",".join(GOOD)]),
            r"a\.csv, line 3: a\.jpg has landmarks already, from .*a\.csv, line 2: of several faces the surest counts",
        ),
        ("a.csv", 'image,"x_0\n', r"a\.csv, line \d: unexpected end of data"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_imports([tmp_path / name], IMAGES)


def test_bytes_that_are_no_text_are_one_line(tmp_path):
    (tmp_path / "a.pts").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"a\.pts: not text"):
        read_imports([tmp_path], IMAGES)


def test_a_missing_path_and_an_empty_folder(tmp_path):
    with pytest.raises(MissingError, match=r"--import .*nowhere: no such file or folder"):
        read_imports([tmp_path / "nowhere"], IMAGES)
    with pytest.raises(MissingError, match=r"no file of landmarks in this folder; read are \.pts"):
        read_imports([tmp_path], IMAGES)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(data=st.binary(max_size=300), position=st.integers(0, 900), name=st.sampled_from(["a.pts", "a.csv"]))
def test_a_damaged_file_is_an_error_or_a_right_answer(astronaut_landmarks, tmp_path, data, position, name):
    if name == "a.pts":
        _pts(astronaut_landmarks, tmp_path / name)
    else:
        _csv(tmp_path / name, ["image", *X, *Y], ["a.jpg", *_values(astronaut_landmarks)])
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[:position] + data + whole[position + len(data) :])
    try:
        imported = read_imports([tmp_path / name], IMAGES)
    except WsegsError as error:
        if str(tmp_path / name) not in str(error):
            raise
    else:
        assert np.isfinite(imported.landmarks[imported.found]).all()
