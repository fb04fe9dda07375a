"""Random moves of crops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsegs.geometry.matrices import compose, resize_affine
from wsegs.geometry.moves import STAYS, Move, MoveRanges, SeededMoves
from wsegs.geometry.warp import warp_nearest

RANGES = MoveRanges(25, (0.75, 1.2), 6, 0.3)
_MOVES = st.builds(
    Move,
    st.floats(-180, 180),
    st.floats(0.5, 2),
    st.tuples(st.floats(-8, 8), st.floats(-8, 8)),
)


def test_what_is_drawn_is_within_the_ranges_and_fills_them() -> None:
    moves = [RANGES.draw(0, 0, row) for row in range(2000)]
    turns, scales = [move.turn for move in moves], [move.scale for move in moves]
    assert -25 <= min(turns) < -24
    assert 24 < max(turns) <= 25
    assert 0.75 <= min(scales) < 0.755
    assert 1.19 < max(scales) <= 1.2
    # The logarithm is uniform: half of the faces shrink by less than sqrt(.75 * 1.2).
    assert np.mean(np.array(scales) < (0.75 * 1.2) ** 0.5) == pytest.approx(0.5, abs=0.03)
    assert np.abs([move.shift for move in moves]).max(axis=0) == pytest.approx([6, 6], abs=0.1)
    colours = np.array([move.colour for move in moves])
    np.testing.assert_allclose([colours.min(axis=0), colours.max(axis=0)], [[0.7] * 3, [1.3] * 3], atol=0.01)


def test_a_move_follows_from_seed_epoch_and_row_alone() -> None:
    assert RANGES.draw(3, 2, 1) == RANGES.draw(3, 2, 1)
    others = [RANGES.draw(*numbers) for numbers in ((3, 2, 1), (2, 3, 1), (3, 1, 2), (1, 2, 3))]
    assert len(set(others)) == 4
    assert SeededMoves(RANGES, 5).of(np.array([7, 2])) == (RANGES.draw(5, 0, 7), RANGES.draw(5, 0, 2))


def test_without_a_range_everything_stays() -> None:
    assert not MoveRanges()
    assert MoveRanges().draw(0, 1, 2) == STAYS
    assert STAYS.stays
    assert MoveRanges(colour=0.1).draw(0, 0, 0).stays  # colours change, and no pixel moves
    assert not MoveRanges(scale=(0.9, 0.9)).draw(0, 0, 0).stays


@settings(deadline=None)
@given(_MOVES)
def test_the_middle_is_only_shifted(move: Move) -> None:
    middle = np.array([(28 - 1) / 2, (32 - 1) / 2, 1])
    np.testing.assert_allclose(move.affine((32, 28)) @ middle, middle[:2] + move.shift, atol=1e-9)


@settings(deadline=None)
@given(_MOVES)
def test_a_move_at_another_size_is_that_of_the_resized_crop(move: Move) -> None:
    (larger,) = resize_affine(np.array([(32, 28)]), (64, 70))
    there = compose(larger, move.affine((32, 28)))
    np.testing.assert_allclose(compose(move.affine_at((32, 28), (64, 70)), larger), there, atol=1e-4)


def test_a_quarter_turn_by_hand() -> None:
    regions = np.array([[1, 2], [3, 4]], np.uint16)
    turned = warp_nearest(regions, Move(turn=90).affine((2, 2)), (2, 2), 0, np.bitwise_or)
    assert turned.tolist() == [[2, 4], [1, 3]]


@settings(deadline=None)
@given(_MOVES, st.integers(0, 2**32 - 1))
def test_a_mirrored_crop_moves_the_other_way(move: Move, seed: int) -> None:
    regions = np.random.default_rng(seed).integers(0, 2**16, (24, 20)).astype(np.uint16)
    other = move._replace(turn=-move.turn, shift=(-move.shift[0], move.shift[1]))
    moved = warp_nearest(regions, move.affine((24, 20)), (24, 20), 0, np.bitwise_or)
    mirrored = warp_nearest(regions[:, ::-1], other.affine((24, 20)), (24, 20), 0, np.bitwise_or)
    np.testing.assert_array_equal(moved[:, ::-1], mirrored)


def test_colours_by_hand() -> None:
    image = np.array([[[100, 100, 100], [200, 200, 200]]], np.uint8)
    assert STAYS.recoloured(image) is image
    assert Move(colour=(1.2, 1.0, 1.0)).recoloured(image)[0, :, 0].tolist() == [120, 240]
    assert Move(colour=(2.0, 1.0, 1.0)).recoloured(image)[0, :, 0].tolist() == [200, 255]
    assert Move(colour=(1.0, 0.5, 1.0)).recoloured(image)[0, :, 0].tolist() == [125, 175]  # about the mean, 150
    red = np.array([[[255, 0, 0]]], np.uint8)
    assert Move(colour=(1.0, 1.0, 0.0)).recoloured(red).tolist() == [[[76, 76, 76]]]  # grey by its brightness
