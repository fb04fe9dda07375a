"""What must hold for any face and any rule file."""

import pickle

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wsegs.errors import RuleError
from wsegs.io.yaml_source import Node
from wsegs.rules import compile_rules, load_rules
from wsegs.rules.drawing.inset import INSET
from wsegs.rules.drawing.outlines import region_outlines
from wsegs.rules.language.region_expressions import parse_regions
from wsegs.schemes import IBUG68

SIZE = (218, 178)
RELAXED = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
NAMES = ["attparsenet-2020", "celeba"]

EVERYTHING = """
version: 1
scheme: ibug68
space: face
parameters: {turn: x30, unsure: 1 / (x30 - x30)}
regions:
  hull: {hull: 17..26, grow: 0.02}
  curve: {curve: 0..16, grow: -0.02}
  ellipse: {ellipse: {center: 30, radii: [0.2, 0.1 + turn], angle: 100 * turn}, mirror: true}
  line: {line: {points: 17..21, thickness: 0.1}, mirror: true, when: turn > 0}
  box: {box: 27..35, space: image}
  never: {box: [[0, 0], [unsure, 1]]}
  joined: {union: [{polygon: 36..41, mirror: true}, {circle: {center: 30, radius: 0.1}}], grow: 0.05 + turn / 10}
  cut: {difference: [{hull: 0..16}, {curve: 48..59, when: turn > 0}, {box: 36..47, space: image}]}
  common: {intersection: [{polygon: [0..16, 26..17]}, {polygon: [[-1, 0], [1, 0], [-1, 1], [1, 1]]}]}
  along: {polygon: [{along: 0..16, count: 7}, {curve: [{mean: 42..47}, 27, {mean: 36..41}]}]}
  moved: {polygon: [0..8, {points: 8..0, offset: [0, iod / 9], space: image}], mirror: true}
  rest: {shapes: [{circle: {center: 33, radius: 0.6}}], minus: hull | box, within: curve}
"""


@pytest.fixture(scope="module", params=[*NAMES, "everything"])
def rules(request):
    return compile_rules(EVERYTHING, "t.yaml") if request.param == "everything" else load_rules(request.param)


@pytest.fixture(scope="module")
def celeba():
    return load_rules("celeba")


@pytest.mark.slow
def test_a_batch_equals_its_faces_one_by_one(rules, faces):
    batch = rules.draw(faces, SIZE)
    assert batch.any()
    for face, regions in zip(faces, batch, strict=True):
        np.testing.assert_array_equal(rules.draw(face[None], SIZE)[0], regions)


def test_faces_with_nan_are_empty_and_disturb_no_other(rules, faces):
    holes = faces.copy()
    holes[3], holes[7, 20, 1], holes[9, 0, 0] = np.nan, np.nan, np.inf
    drawn, whole = rules.draw(holes, SIZE), rules.draw(faces, SIZE)
    assert not drawn[[3, 7, 9]].any()
    others = np.setdiff1d(np.arange(len(faces)), [3, 7, 9])
    np.testing.assert_array_equal(drawn[others], whole[others])


def test_no_faces_and_no_pixels(rules, faces):
    assert rules.draw(np.zeros((0, 68, 2)), SIZE).shape == (0, *SIZE)
    assert rules.draw(faces, (0, 178)).shape == (40, 0, 178)
    assert not rules.draw(np.zeros((1, 68, 2)), SIZE)[0, 10:, 10:].any()  # all points in one corner


def test_pickling(rules, faces):
    again = pickle.loads(pickle.dumps(rules))
    np.testing.assert_array_equal(again.draw(faces[:4], SIZE), rules.draw(faces[:4], SIZE))
    assert (again.name, again.source, again.text, again.sha256, again.dtype) == (
        rules.name, rules.source, rules.text, rules.sha256, rules.dtype,
    )  # fmt: skip
    lookup = rules.lookup(rules.attribute_names)
    other = pickle.loads(pickle.dumps(lookup))
    np.testing.assert_array_equal(other.table, lookup.table)
    np.testing.assert_array_equal(other.label, lookup.label)


def test_a_mirrored_face_gives_mirrored_regions(faces):
    """Up to one pixel at borders: OpenCV draws a slanting side from its first end, so that steps fall elsewhere."""
    rules = load_rules("celeba")
    mirrored = faces[:, list(IBUG68.mirror)] * [-1, 1] + [SIZE[1] - 1, 0]
    drawn, other = rules.draw(faces, SIZE), rules.draw(mirrored, SIZE)[:, :, ::-1]
    for one, two in zip(drawn, other, strict=True):
        for bit, name in enumerate(rules.region_names):
            this, that = ((regions >> bit & 1).astype(np.uint8) for regions in (one, two))
            for inner, outer in ((this, that), (that, this)):
                beyond = inner & ~cv2.dilate(outer, np.ones((3, 3), np.uint8))
                assert beyond.sum() == 0, name


def test_faces_drawn_one_after_the_other(rules, faces):
    faces = faces[:5].copy()
    faces[[0, 3]] = np.nan
    drawn = [regions.copy() for regions in rules.draw_each(faces, SIZE)]
    np.testing.assert_array_equal(drawn, rules.draw(faces, SIZE))
    assert [regions.any() for regions in drawn] == [False, True, True, False, True]


@pytest.mark.slow
@RELAXED
@given(st.floats(-3.1, 3.1), st.floats(0.8, 2.5), st.floats(-40, 40), st.integers(0, 39))
def test_rules_in_the_faces_frame_move_with_the_face(celeba, faces, turn, scale, shift, number):
    """The outlines are compared rather than their pixels; vertices are rounded, before and after."""
    rules = celeba
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    face = faces[number]
    before, after = (region_outlines(rules.program, points[None], 218) for points in (face, face @ matrix.T + shift))
    for one, two in zip(before.values(), after.values(), strict=True):
        for outline, moved in zip(one.outlines, two.outlines, strict=True):
            assert (outline.drawn == moved.drawn).all()
            expected = outline.points[0] @ matrix.T + shift
            # Vertices are rounded, and moved inwards by up to twice what filling adds in pixels of either size.
            apart = np.abs(moved.points[0] - expected).max()
            assert apart <= (1 + scale) * (0.5 * np.sqrt(2) + 2 * INSET) + 1e-6


@pytest.mark.slow
def test_lookup_equals_direct_evaluation(rules, faces):
    regions = rules.draw(faces[:6], SIZE)
    lookup = rules.lookup(rules.attribute_names)
    assert lookup.table.shape == (len(rules.attribute_names), 1 << len(rules.region_names))
    coverage = lookup.coverage(regions)
    np.testing.assert_array_equal(lookup.table[:, regions], coverage)
    for attribute in range(len(rules.attribute_names)):
        np.testing.assert_array_equal(lookup.evaluate(attribute, regions), coverage[attribute])
    labels = np.random.default_rng(0).integers(-1, 2, (6, len(rules.attribute_names)))
    expected = coverage.swapaxes(0, 1) & lookup.drawn(labels)[..., None, None]
    np.testing.assert_array_equal(lookup.expand(regions, labels), expected)
    np.testing.assert_array_equal(lookup.expand(regions[0], labels[0]), expected[0])


def test_labels_decide_what_is_drawn():
    rules = compile_rules(
        "version: 1\nscheme: ibug68\nregions: {a: {polygon: 0..2}}\n"
        "attributes: {P: a, A: {regions: a, when: absent}, E: {regions: a, when: always}}",
        "t.yaml",
    )
    lookup = rules.lookup(["P", "A", "E"])
    assert lookup.label.tolist() == [1, 0, 2]
    for label, drawn in ((1, [True, False, True]), (0, [False, True, True]), (-1, [False, False, True])):
        masks = lookup.expand(np.ones((1, 1), np.uint16), np.full(3, label))
        assert masks[:, 0, 0].tolist() == drawn


@pytest.mark.parametrize(("count", "dtype"), [(16, np.uint16), (17, np.uint32), (33, np.uint64), (64, np.uint64)])
def test_many_regions(count, dtype):
    regions = "".join(f"  r{i}: {{box: [[{i % 8}, {i // 8}], [{i % 8}, {i // 8}]]}}\n" for i in range(count))
    text = (
        f"version: 1\nscheme: celeba5\nregions:\n{regions}attributes: {{A: r0 | r{count - 1}, B: all - r{count - 1}}}"
    )
    rules = compile_rules(text, "t.yaml")
    drawn = rules.draw(np.zeros((2, 5, 2)), (8, 8))
    assert drawn.dtype == rules.dtype == dtype
    expected = np.zeros(64, dtype)
    expected[:count] = [1 << i for i in range(count)]
    np.testing.assert_array_equal(drawn, np.broadcast_to(expected.reshape(8, 8), (2, 8, 8)))
    lookup = rules.lookup(["A", "B"])
    assert (lookup.table is None) == (count > 16)
    covered = lookup.expand(drawn, np.ones((2, 2)))[1].reshape(2, 64)
    assert np.flatnonzero(covered[0]).tolist() == [0, count - 1]
    assert np.flatnonzero(covered[1]).tolist() == list(range(count - 1))
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(drawn.astype(np.int64))
    np.testing.assert_array_equal(lookup.evaluate(0, tensor).numpy(), lookup.expand(drawn, np.ones((2, 2)))[:, 0])


REGIONS = ["a", "b", "c", "d"]
EXPRESSIONS = st.recursive(
    st.sampled_from([*REGIONS, "all", "none"]),
    lambda inner: st.tuples(inner, st.sampled_from("|&-"), inner).map(lambda parts: f"({' '.join(parts)})"),
    max_leaves=12,
)


@RELAXED
@given(EXPRESSIONS)
def test_region_expressions_mean_sets(text):
    values = np.arange(16, dtype=np.uint16)
    got = parse_regions(text, Node("t", 1, 1, text), REGIONS).evaluate(values)
    for value in values.tolist():
        names = {name: {value} if value >> bit & 1 else set() for bit, name in enumerate(REGIONS)}
        expected = eval(text, {}, {**names, "all": {value} if value else set(), "none": set()})
        assert got[value] == (value in expected)


def test_precedence_is_pythons():
    values = np.arange(16, dtype=np.uint16)

    def evaluate(text: str) -> np.ndarray:
        return parse_regions(text, Node("t", 1, 1, text), REGIONS).evaluate(values)

    np.testing.assert_array_equal(evaluate("a | b & c - d"), evaluate("a | (b & (c - d))"))
    np.testing.assert_array_equal(evaluate("a - b - c"), evaluate("(a - b) - c"))


FRAGMENTS = st.lists(
    st.sampled_from(
        ["version: 1", "\n", "scheme: ibug68", "regions:", "  ", "eye", ": ", "{", "}", "[", "]", "polygon", "36..41",
         "-", "*a", "&a", "x36", "(", ")", "+", "'", '"', "!!str", "|", ">", "#", "\t", ",", "when", "attributes:",
         "é", "\0"]
    ),
    max_size=30,
).map("".join)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.text(max_size=80), FRAGMENTS))
def test_random_text_raises_nothing_but_rule_errors(text):
    for whole in (text, "version: 1\nscheme: ibug68\nregions:\n" + text):
        message = "t.yaml: compiled"
        try:
            compile_rules(whole, "t.yaml")
        except RuleError as error:
            message = str(error)
        assert message.startswith("t.yaml:")


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="x0y1 +-*/().<>=,andortif27", max_size=30))
def test_random_expressions_raise_nothing_but_rule_errors(text):
    quoted = text.replace('"', "")
    whole = f'version: 1\nscheme: ibug68\nregions: {{a: {{polygon: 0..2, grow: "{quoted}"}}}}'
    try:
        rules = compile_rules(whole, "t.yaml")
    except RuleError:
        return
    rules.draw(np.random.default_rng(0).uniform(0, 30, (3, 68, 2)), (30, 30))
