"""Outlines of the face's frame are filled to their own area, whatever the size of a pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_fill_holes

from wsegs.rules import compile_rules
from wsegs.rules.drawing.inset import INSET, inset

SQUARE = np.array([[0, 4, 4, 0], [0, 0, 4, 4]], float)[:, :, None]


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_a_square_by_hand(order):
    x, y = inset(tuple(SQUARE[:, order]))
    expected = np.array([[INSET, 4 - INSET, 4 - INSET, INSET], [INSET, INSET, 4 - INSET, 4 - INSET]])[:, order]
    np.testing.assert_allclose([x[:, 0], y[:, 0]], expected)


def test_a_repeated_corner_moves_as_one():
    x, y = inset((SQUARE[0][[0, 1, 1, 2, 3]], SQUARE[1][[0, 1, 1, 2, 3]]))
    assert (x.max(), y.max()) == (4 - INSET, 4 - INSET)
    assert np.ptp(x[[0, 4]]) < 1e-12


def test_a_sharp_corner_moves_by_at_most_twice_the_inset():
    x, y = inset((np.array([[0.0], [20], [0]]), np.array([[0.0], [0.2], [0.4]])))
    assert np.hypot(x[1, 0] - 20, y[1, 0] - 0.2) <= 2 * INSET + 1e-9


def test_nan_stays_with_its_face():
    faces = np.concatenate([SQUARE, SQUARE * np.nan], axis=2)
    x, _ = inset(tuple(faces))
    assert np.isnan(x[:, 1]).all()
    assert np.isfinite(x[:, 0]).all()


@settings(max_examples=40, deadline=None)
@given(st.floats(6, 60), st.floats(0, 3.1), st.floats(0, 1), st.floats(0, 1))
def test_an_ellipse_is_filled_to_its_own_area(radius, turn, shift_x, shift_y):
    text = "version: 1\nscheme: celeba5\nspace: face\nregions: {it: {ellipse: {center: [0, 0], radii: [1, 0.6]}}}"
    along = radius * np.array([np.cos(turn), np.sin(turn)]) / 2
    middle = np.array([80 + shift_x, 80 + shift_y])
    face = np.array([[middle - along, middle + along, middle, middle, middle]])
    filled = int((compile_rules(text, "t").draw(face, (160, 160)) & 1).sum())
    exact = 0.6 * np.pi * radius**2
    assert abs(filled - exact) <= 0.05 * exact + 0.35 * 2 * np.pi * radius  # a third of a pixel along the border


def test_small_faces_keep_their_share(faces):
    """The mean share of an eye in the face's square, at half size, is what it is at full size; in pixels it grows."""
    shares = {}
    for space in ("image", "face"):
        rules = compile_rules(f"version: 1\nscheme: ibug68\nspace: {space}\nregions: {{eye: {{polygon: 36..41}}}}", "t")
        full = (rules.draw(faces, (300, 300)) & 1).sum() / 1.0
        shares[space] = (rules.draw(faces / 3, (100, 100)) & 1).sum() * 9 / full
    assert abs(shares["face"] - 1) < 0.1
    assert shares["image"] > 1.3


@pytest.mark.slow
@pytest.mark.parametrize(
    "half",
    [
        "{polygon: [[-0.5, -0.5], [0, -0.5], [0, 0.5], [-0.5, 0.5]], mirror: true}",
        "{polygon: [0..8, 33, 27, [-0.5, -0.5]], mirror: true}",
        "{polygon: [{points: [27, 8], offset: [0, 0.1]}, {between: [8, 57]}, 4, 0], mirror: true}",
        "{union: [{polygon: [[-0.5, -0.5], [0.2, -0.5], [0.2, 0.5], [-0.5, 0.5]]}, {box: [[0.2, -0.5], [0.5, 0.5]]}]}",
    ],
)
def test_halves_that_share_the_middle_line_leave_no_pixel_between_them(astronaut_landmarks, half):
    generator = np.random.default_rng(3)
    centred = astronaut_landmarks - astronaut_landmarks.mean(axis=0)
    faces = []
    for turn in generator.uniform(-0.8, 0.8, 200):
        matrix = generator.uniform(0.5, 1.4) * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        faces.append(centred @ matrix + generator.uniform(100, 101, 2))
    rules = compile_rules(f"version: 1\nscheme: ibug68\nspace: face\nregions: {{it: {half}}}", "t")
    drawn = rules.draw(np.array(faces), (200, 200)).astype(bool)
    for mask in drawn:
        assert not (binary_fill_holes(mask) & ~mask).any()
