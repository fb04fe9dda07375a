"""Schemes as data: what the shipped ones say, and what is wrong with others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import shapely

from wsegs.errors import DataError, MissingError, RuleError, WsegsError
from wsegs.io.yaml_source import read_nodes
from wsegs.schemes import (
    LandmarkScheme,
    find_scheme,
    get_scheme,
    load_scheme,
    scheme_from_mapping,
    scheme_from_node,
    scheme_names,
)

SIX = """\
name: six_points
points: 6
eyes: {left: 0, right: 1}
nose: 2
mouth: {left: [3], right: 4..4}
mirror:
  - [0, 1]
  - [3, 4]
names: {chin: 5, mouth: [3, 4]}
"""


@pytest.fixture(params=scheme_names())
def shipped(request: pytest.FixtureRequest) -> LandmarkScheme:
    return get_scheme(request.param)


def test_shipped_names():
    assert scheme_names() == ("celeba5", "ibug68", "mediapipe478")
    assert [get_scheme(name).count for name in scheme_names()] == [5, 68, 478]


def test_mirror_is_an_involution(shipped: LandmarkScheme):
    mirror = np.array(shipped.mirror)
    assert mirror.shape == (shipped.count,)
    np.testing.assert_array_equal(mirror[mirror], np.arange(shipped.count))


def test_the_mirrored_average_face_is_the_average_face(shipped: LandmarkScheme):
    average = np.array(shipped.average)
    assert average.shape == (shipped.count, 2)
    np.testing.assert_allclose(average[list(shipped.mirror)] * [-1, 1], average, atol=1e-9)


def test_the_average_face_is_in_the_faces_frame(shipped: LandmarkScheme):
    average = np.array([shipped.average])
    ends = [average[0, list(group)].mean(axis=0) for group in (shipped.left_eye, shipped.right_eye)]
    np.testing.assert_allclose(ends, [[-0.5, 0], [0.5, 0]], atol=1e-3)
    left, right, nose, left_mouth, right_mouth = shipped.five_points(average)[0]
    assert left[0] < nose[0] < right[0]
    assert left_mouth[0] < nose[0] < right_mouth[0]
    assert left[1] < nose[1] < left_mouth[1]


def test_average_faces_agree_on_the_five_points():
    """In the frame of the eyes' centres, the schemes must mean the same places."""
    five = []
    for name in scheme_names():
        scheme = get_scheme(name)
        points = scheme.five_points(np.array([scheme.average]))[0].astype(float)
        middle, distance = points[:2].mean(axis=0), points[1, 0] - points[0, 0]
        five.append((points - middle) / distance)
    np.testing.assert_allclose(five[1:], [five[0]] * 2, atol=0.06)


def test_named_sides_mirror_each_other(shipped: LandmarkScheme):
    for name, group in shipped.names.items():
        if name.startswith("left_"):
            mirrored = {shipped.mirror[point] for point in group}
            assert mirrored == set(shipped.names[name.replace("left", "right")]), name


def test_named_outlines_are_outlines():
    """What a polygon of a name draws is a part of the face, not a knot."""
    scheme = get_scheme("mediapipe478")
    average = np.array(scheme.average)
    for name in ("oval", "left_eye", "right_eye", "left_eyebrow", "right_eyebrow", "outer_lip"):
        outline = shapely.Polygon(average[list(scheme.names[name])])
        assert outline.is_valid, name
        assert outline.exterior.is_ccw, name  # counted with y up, so clockwise in the image


def test_mapping_goes_through_json_and_back(shipped: LandmarkScheme):
    assert scheme_from_mapping(json.loads(json.dumps(shipped.as_mapping())), "x") == shipped
    short = scheme_from_mapping(shipped.as_mapping(average=False), "x")
    assert short.average == ()
    assert short.agrees_with(shipped)


def test_six_points(tmp_path: Path):
    path = tmp_path / "six.yaml"
    path.write_text(SIX)
    scheme = load_scheme(path)
    assert scheme == find_scheme("six.yaml", tmp_path) == scheme_from_node(read_nodes(SIX, "x"))
    assert scheme.mirror == (1, 0, 2, 4, 3, 5)
    assert (scheme.left_eye, scheme.right_eye) == ((0,), (1,))  # inter_ocular is that of the eyes
    assert scheme.names == {"chin": (5,), "mouth": (3, 4)}
    face = np.array([[[0, 0], [4, 0], [2, 2], [1, 4], [3, 4], [2, 6]]])
    np.testing.assert_array_equal(scheme.five_points(face), face[:, :5])
    assert scheme.inter_ocular_distance(face) == [4]


def test_agreement_is_of_content():
    scheme = scheme_from_node(read_nodes(SIX, "x"))
    more = scheme_from_node(read_nodes(SIX.replace("{chin: 5, mouth: [3, 4]}", "{jaw: 5}\nsource: me"), "x"))
    other = scheme_from_node(read_nodes(SIX.replace("nose: 2", "nose: 5"), "x"))
    assert scheme.agrees_with(more)
    assert not scheme.agrees_with(other)


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("points: 6", "points: 5", "9:15", "six_points has points 0 to 4, got 5"),
        ("points: 6", "points: 1001", "2:9", "at most 1,000, got 1001"),
        ("points: 6", "points: many", "2:9", "expected a whole number, got 'many'"),
        ("nose: 2\n", "", "1:1", "expected a key 'nose'"),
        ("nose: 2", "nose: 2\nnoze: 2", "5:1", "unknown key 'noze'"),
        ("nose: 2", "nose: 2-3", "4:7", "expected a point's number, a range such as 36..41"),
        ("nose: 2", "nose: []", "4:7", "expected 1 to 1,000 points, got 0"),
        ("nose: 2", "nose: 0..999999999", "4:7", "expected points below 1,000"),
        ("nose: 2", "nose: [2, 2]", "4:7", "point 2 is there twice"),
        ("nose: 2", "nose: -1", "4:7", "got -1"),
        ("{left: 0, right: 1}", "{left: 0, right: 0}", "3:7", "expected other points at the left"),
        ("{left: 0, right: 1}", "{left: 0, right: 2}", "3:24", "expected the mirror points of the left side"),
        (
            "{left: 0, right: 1}",
            "{left: 0, wright: 1}",
            "3:17",
            "unknown key 'wright'; expected one of left, right",
        ),
        ("{left: 0, right: 1}", "[0, 1]", "3:7", "expected a mapping with 'left' and 'right', got a list of 2"),
        ("- [3, 4]", "- [3, 0]", "8:5", "point 0 has a mirror point already: 1"),
        ("- [3, 4]", "- [3, 4, 5]", "8:5", "expected at most 2 values, got 3"),
        ("- [3, 4]", "- [3..4, 5]", "8:5", "expected as many points on both sides, got 2, 1"),
        ("- [3, 4]", "- [3, 9]", "8:9", "six_points has points 0 to 5, got 9"),
        ("chin: 5", "a-b: 5", "9:9", "expected a name of letters, digits and _"),
        ("chin: 5", "x5: 5", "9:9", "'x5' is a coordinate in rules"),
        ("chin: 5", "chin: nose", "9:15", "expected a point's number"),
        ("six_points", "6 points", "1:7", "expected a name of letters, digits, _ and -"),
        ("six_points", "celeba5", "1:7", "'celeba5' is a shipped scheme of other points"),
        ("names:", "average: [[0, 0]]\nnames:", "9:10", "expected 6 points x, y, got 1"),
        ("names:", "average: [[0, 0], [0, .nan], 1, 1, 1, 1]\nnames:", "9:23", "expected a number"),
        ("name: ", "name: !!python/object:os.system ", "1:7", "tag"),
    ],
)
def test_mistakes_name_their_place(tmp_path: Path, old: str, new: str, place: str, words: str):
    path = tmp_path / "my.yaml"
    assert old in SIX
    path.write_text(SIX.replace(old, new, 1))
    with pytest.raises(RuleError) as error:
        load_scheme(path)
    assert str(error.value).startswith(f"{path}:{place}: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("contents", [b"", b"  \n", b"- 1\n", b"\xff\xfe", b"a: [", b"#" * 300_000, b"null"])
def test_files_that_are_no_scheme(tmp_path: Path, contents: bytes):
    path = tmp_path / "my.yaml"
    path.write_bytes(contents)
    with pytest.raises(WsegsError, match=r"my\.yaml"):
        load_scheme(path)


def test_missing(tmp_path: Path):
    with pytest.raises(MissingError, match="no such file"):
        load_scheme(tmp_path / "none.yaml")
    with pytest.raises(MissingError, match="a folder"):
        load_scheme(tmp_path)
    with pytest.raises(DataError, match=r"unknown landmark scheme 'ibug86'.*did you mean 'ibug68'"):
        find_scheme("ibug86")


def test_mapping_errors_name_the_key():
    mapping = scheme_from_node(read_nodes(SIX, "x")).as_mapping()
    with pytest.raises(DataError, match=r"^run\.json: mouth: left: six_points has points 0 to 5, got 7$"):
        scheme_from_mapping({**mapping, "mouth": {"left": 7, "right": 4}}, "run.json")
    with pytest.raises(DataError, match="expected a mapping"):
        scheme_from_mapping([1], "run.json")


def test_a_thousand_points_are_read_quickly():
    mirror = "\n".join(f"  - [{2 * i}, {2 * i + 1}]" for i in range(500))
    names = "\n".join(f"  n{i}: 0..9" for i in range(900))
    text = (
        "name: big\npoints: 1000\neyes: {left: 0, right: 1}\nnose: 2\nmouth: {left: 4, right: 5}\n"
        f"mirror:\n{mirror}\nnames:\n{names}\n"
    )
    scheme = scheme_from_node(read_nodes(text, "x"))
    assert len(scheme.names) == 900
    with pytest.raises(RuleError, match="at most 1,000 values"):
        scheme_from_node(read_nodes(text + "\n".join(f"  m{i}: 0" for i in range(200)), "x"))
