"""Every shape and operator on a picture of 8x8 pixels, worked out by hand."""

import numpy as np
import pytest

from wsegs.rules import compile_rules

# celeba5 has five landmarks: the eyes at (1, 1) and (5, 1), so that the face's unit is 4 pixels and its origin (3, 1).
FACE = np.array([[[1, 1], [5, 1], [3, 3], [2, 6], [4, 6]]], dtype=float)


def draw(region: str, landmarks: np.ndarray = FACE, extra: str = "") -> np.ndarray:
    text = f"version: 1\nscheme: celeba5\n{extra}regions:\n  it: {region}\n"
    return compile_rules(text, "t.yaml").draw(landmarks, (8, 8))[0] & 1


def picture(*rows: str) -> np.ndarray:
    lines = [*rows, *["........"] * (8 - len(rows))]
    return np.array([[character == "#" for character in line] for line in lines], dtype=int)


FOUR_BY_THREE = picture("........", ".####...", ".####...", ".####...")

CASES = {
    "polygon of points": ("{polygon: [[1, 1], [4, 1], [4, 3], [1, 3]]}", FOUR_BY_THREE),
    "polygon of landmarks": (
        "{polygon: [0, 1, 2]}",
        picture("........", ".#####..", "..###...", "...#...."),
    ),
    "descending range": ("{polygon: 2..0}", picture("........", ".#####..", "..###...", "...#....")),
    "hull forgets the order": ("{hull: [[1, 1], [4, 3], [4, 1], [1, 3], [2, 2]]}", FOUR_BY_THREE),
    "hull of one point": ("{hull: [[2, 1], [2, 1], [2, 1]]}", picture("........", "..#.....")),
    "hull that is out of reach": ("{hull: [[1, 1], [1e300, 1], [1, 3], [-1e300, 9]]}", picture()),
    "box": ("{box: [[1, 3], [4, 1]]}", FOUR_BY_THREE),
    "box in the face's frame": (
        "{box: [[-0.5, 0], [0.25, 0.5]], space: face}",
        FOUR_BY_THREE,
    ),
    "offset": (
        "{polygon: [{points: 0..2, offset: [1, 2]}]}",
        picture("........", "........", "........", "..#####.", "...###..", "....#..."),
    ),
    "per-point expressions": (
        "{polygon: [{points: [[1, 1], [3, 1], [3, 2]], x: x + 1, y: 2 * y}]}",
        picture("........", "........", "..###...", "...##...", "....#..."),
    ),
    "between": (
        "{polygon: [0, {between: [0, 1]}, {between: [[3, 1], 2], at: 1}, [1, 3]]}",
        picture("........", ".###....", ".###....", ".###...."),
    ),
    "circle": (
        "{circle: {center: [3, 3], radius: 1}}",
        picture("........", "........", "..###...", "..###...", "..###..."),
    ),
    "ellipse": (
        "{ellipse: {center: 2, radii: [3, 0.4]}}",
        picture("........", "........", "........", "#######."),
    ),
    "turned ellipse": (
        "{ellipse: {center: 2, radii: [3, 0.4], angle: 90}}",
        picture(*["...#...."] * 7),
    ),
    "thin line": ("{line: {points: [[1, 1], [4, 1]], thickness: 0}}", picture("........", ".####...")),
    "thick line": (
        "{line: {points: [[2, 2], [4, 2]], thickness: 2}}",
        picture("........", ".#####..", ".#####..", ".#####.."),
    ),
    "union": (
        "[{box: [[0, 0], [1, 0]]}, {box: [[1, 0], [1, 1]]}]",
        picture("##......", ".#......"),
    ),
    "grown square": (
        "{polygon: [[2, 2], [4, 2], [4, 4], [2, 4]], grow: 1}",
        picture("........", ".#####..", ".#####..", ".#####..", ".#####..", ".#####.."),
    ),
    "grown square, other way round": (
        "{polygon: [[2, 4], [4, 4], [4, 2], [2, 2], [2, 2]], grow: 1}",
        picture("........", ".#####..", ".#####..", ".#####..", ".#####..", ".#####.."),
    ),
    "shrunk square": (
        "{polygon: [[1, 1], [5, 1], [5, 5], [1, 5]], grow: -1}",
        picture("........", "........", "..###...", "..###...", "..###..."),
    ),
    "shrunk to nothing": ("{polygon: [[1, 1], [3, 1], [3, 3], [1, 3]], grow: -2}", picture()),
    "mirror in the face's frame": (
        "{box: [[-0.5, 0], [-0.25, 0.25]], space: face, mirror: true}",
        picture("........", ".##.##..", ".##.##.."),
    ),
    "mirror by landmarks": (
        "{polygon: [0, [x0, y0 + 1], [x0 - 1, y0 + 1]], mirror: true}",
        picture("........", ".#...#..", "##...##."),
    ),
    "outside: clip": ("{box: [[-2, 0], [1, 0]]}", picture("##......")),
    "outside: drop": ("{box: [[-2, 0], [1, 0]], outside: drop}", picture()),
    "outside: drop clips at the right and the bottom": (
        "{box: [[6, 0], [9, 0]], outside: drop}",
        picture("......##"),
    ),
    "when holds": ("{box: [[0, 0], [1, 0]], when: x0 < x1 and not y0 != y1}", picture("##......")),
    "when does not hold": ("{box: [[0, 0], [1, 0]], when: x0 > x1 or y0 > 5}", picture()),
    "division by zero leaves the shape out": ("{box: [[0, 0], [1 / (y0 - y1), 0]]}", picture()),
    "a wrong root leaves the shape out": ("{box: [[0, 0], [sqrt(y0 - 9), 0]]}", picture()),
    "huge coordinates leave the shape out": ("{box: [[0, 0], [1e300 * 1e300, 3]]}", picture()),
    "along a chain, by share": (
        # The chain (1,1) (5,1) (5,5) is 8 long: a quarter is (3,1), three quarters (5,3).
        "{polygon: [[1, 1], {along: [[1, 1], [5, 1], [5, 5]], at: [0.25, 0.75]}, [1, 3]]}",
        picture("........", ".###....", ".####...", ".#####.."),
    ),
    "along a chain, by count": (
        "{polygon: {along: [[1, 1], [5, 1], [5, 5]], count: 3}}",
        picture("........", ".#####..", "..####..", "...###..", "....##..", ".....#.."),
    ),
    "along stops at the ends": (
        "{box: [{along: [[2, 2], [4, 2]], at: -1}, {along: [[2, 2], [4, 2]], at: 7}]}",
        picture("........", "........", "..###..."),
    ),
    "mean": (
        "{box: [{mean: [[0, 0], [2, 0], [4, 6]]}, [3, 3]]}",
        picture("........", "........", "..##....", "..##...."),
    ),
    "offset in the face's frame": (
        # A quarter of the inter-ocular distance of 4 is one pixel.
        "{box: [{points: [[1, 1], [3, 2]], offset: [0.25, 0.5], space: face}]}",
        picture("........", "........", "........", "..###...", "..###..."),
    ),
    "offset in pixels within the face's frame": (
        "{box: [{points: [[-0.5, 0], [0, 0.25]], offset: [1, 2], space: image}], space: face}",
        picture("........", "........", "........", "..###...", "..###..."),
    ),
    "iod is the inter-ocular distance": ("{box: [[0, 0], [iod, iod / 4]]}", picture("#####...", "#####...")),
    "iod is one in the face's frame": (
        "{box: [[-iod / 2, 0], [iod / 4, 0.5]], space: face}",
        FOUR_BY_THREE,
    ),
    "union of geometry, grown": (
        "{union: [{box: [[2, 2], [3, 4]]}, {box: [[3, 2], [4, 4]]}], grow: 1}",
        picture("........", ".#####..", ".#####..", ".#####..", ".#####..", ".#####.."),
    ),
    "intersection": (
        "{intersection: [{box: [[0, 0], [4, 3]]}, {box: [[1, 1], [7, 7]]}]}",
        FOUR_BY_THREE,
    ),
    "difference leaves a hole": (
        # Outlines are filled border included, those of holes too.
        "{difference: [{box: [[0, 0], [6, 6]]}, {box: [[2, 2], [4, 4]]}]}",
        picture(*["#######."] * 3, "###.###.", *["#######."] * 3),
    ),
    "difference of more than two": (
        "{difference: [{box: [[0, 0], [7, 1]]}, {box: [[-1, -1], [2, 3]]}, {box: [[5, -1], [8, 3]]}]}",
        picture("..####..", "..####.."),
    ),
    "nothing in common": ("{intersection: [{box: [[0, 0], [1, 1]]}, {box: [[3, 3], [4, 4]]}]}", picture()),
    "touching corners have no area": ("{intersection: [{box: [[0, 0], [2, 2]]}, {box: [[2, 2], [4, 4]]}]}", picture()),
    "a part whose condition does not hold": (
        "{difference: [{box: [[1, 1], [4, 3]]}, {box: [[0, 0], [7, 7]], when: x0 > x1}]}",
        FOUR_BY_THREE,
    ),
    "a mirrored union": (
        "{union: [{box: [[-0.5, 0], [-0.25, 0.25]]}], space: face, mirror: true}",
        picture("........", ".##.##..", ".##.##.."),
    ),
    "a mirrored part": (
        "{union: [{box: [[-0.5, 0], [-0.25, 0.25]], mirror: true}], space: face}",
        picture("........", ".##.##..", ".##.##.."),
    ),
    "a union that is dropped outside": ("{union: [{box: [[-2, 0], [1, 0.5]]}], outside: drop}", picture()),
    "let": (
        "{let: {width: x1 - x0, half: width / 2}, shapes: [{box: [[0, 0], [half, 0]]}]}",
        picture("###....."),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_shape(name):
    region, expected = CASES[name]
    np.testing.assert_array_equal(draw(region), expected, err_msg=name)


def test_curve_runs_through_its_points_and_bulges():
    got = draw("{curve: [[1, 1], [5, 1], [5, 5], [1, 5]]}")
    assert (got[[1, 1, 5, 5], [1, 5, 1, 5]] == 1).all()
    # Between (1, 1) and (5, 1) a Catmull-Rom spline rises by 4 / 8 of a side's eighth: the square's sides bulge.
    assert got.sum() >= 25
    assert got[0].sum() > 0


def test_a_line_of_one_point_is_a_disc():
    np.testing.assert_array_equal(draw("{line: {points: 2, thickness: 2}}"), draw("{circle: {center: 2, radius: 1}}"))


def test_minus_and_within_look_at_finished_regions():
    text = """
version: 1
scheme: celeba5
regions:
  hair: {shapes: [{box: [[0, 0], [5, 2]]}], minus: face}
  face: {shapes: [{box: [[1, 1], [4, 2]]}], minus: [eye]}
  eye: {box: [[2, 1], [2, 1]]}
  band: {shapes: [{box: [[0, 1], [7, 1]]}], within: hair | eye}
"""
    bits = compile_rules(text, "t.yaml").draw(FACE, (8, 8))[0]
    np.testing.assert_array_equal(bits >> 0 & 1, picture("######..", "#.#..#..", "#....#.."))
    np.testing.assert_array_equal(bits >> 1 & 1, picture("........", ".#.##...", ".####..."))
    np.testing.assert_array_equal(bits >> 3 & 1, picture("........", "#.#..#.."))


def test_integer_landmarks_are_rounded_first():
    landmarks = FACE + 0.4
    exact, rounded = (
        draw("{box: [[0, 0], [5 * x0, 0]]}", landmarks, f"landmarks: {mode}\n") for mode in ("exact", "integer")
    )
    assert exact.sum() == 8
    assert rounded.sum() == 6


def test_parameters_reach_both_spaces():
    extra = "parameters: {wide: x1 - x0, half: wide / 2}\n"
    np.testing.assert_array_equal(draw("{box: [[0, 0], [half, 0]]}", extra=extra), picture("###....."))
    # In the face's frame the eyes are 1 apart, whatever the picture's scale.
    np.testing.assert_array_equal(
        draw("{box: [[-half, 0], [half, 0]], space: face}", extra=extra), picture("........", ".#####..")
    )


def test_an_open_curve_runs_through_its_points_to_its_ends():
    got = draw("{line: {points: {curve: [[1, 5], [3, 1], [5, 5]]}, thickness: 0}}")
    assert (got[[5, 1, 5], [1, 3, 5]] == 1).all()
    assert got[:, [0, 6, 7]].sum() == 0
    # Between the points it leaves the straight line, whose middle is (2, 3), on the outer side.
    assert got[1:3, [2, 4]].sum() > 0


def test_a_parameter_with_a_unit_is_the_same_length_in_both_spaces():
    extra = "parameters: {wide: {value: 0.75, unit: iod}, high: {value: 2, unit: px}}\n"
    for region in ("{box: [[1, 1], [1 + wide, 1 + high]]}", "{box: [[-0.5, 0], [wide - 0.5, high]], space: face}"):
        np.testing.assert_array_equal(draw(region, extra=extra), FOUR_BY_THREE)


def test_geometry_equals_the_same_thing_drawn_plainly(faces):
    head = "version: 1\nscheme: ibug68\nspace: face\nregions:\n  it: "
    for plain, geometry in (
        ("{polygon: 36..41}", "{union: [{polygon: 36..41}]}"),
        ("[{hull: 17..26}, {curve: 48..59}]", "{union: [{hull: 17..26}, {curve: 48..59}]}"),
        ("{polygon: 36..41, mirror: true}", "{intersection: [{polygon: 36..41}, {hull: 0..67}], mirror: true}"),
    ):
        one, other = (compile_rules(head + text, "t.yaml").draw(faces, (218, 178)) for text in (plain, geometry))
        # Vertices that cross a side may split a pixel's worth of it.
        # Outlines that cross themselves, and corners that shapely cuts where ours are bounded, differ by single pixels.
        assert (one != other).mean() < 6e-4
        assert one.any()


def test_growing_and_shrinking_by_far():
    """A polygon that is not convex, by more than its own width: what mitred corners alone would get wrong."""
    horseshoe = "[[1, 1], [6, 1], [6, 6], [5, 6], [5, 2], [2, 2], [2, 6], [1, 6]]"
    grown = draw(f"{{polygon: {horseshoe}, grow: 2}}")
    assert (grown[:, 1:7] == 1).all()
    assert not draw(f"{{polygon: {horseshoe}, grow: -1}}").any()


def test_the_same_number_of_faces_whether_or_not_geometry_is_empty(faces):
    text = "version: 1\nscheme: ibug68\nregions: {it: {union: [{polygon: 36..41, when: x0 > 60}]}}"
    rules = compile_rules(text, "t.yaml")
    drawn = rules.draw(faces, (218, 178)).any(axis=(1, 2))
    np.testing.assert_array_equal(drawn, faces[:, 0, 0] > 60)
    assert drawn.any()
    assert not drawn.all()
