from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wsegs.errors import DataError
from wsegs.landmarks.doubt import DOUBTFUL, average_face, doubts_of, fit_average, shape_doubt
from wsegs.schemes import CELEBA5, IBUG68

AVERAGE = np.array(IBUG68.average)


def _turned(points, degrees):
    angle = np.radians(degrees)
    return points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def test_size_place_and_tilt_do_not_count():
    faces = np.stack([AVERAGE, AVERAGE * 50 + [300, -7], _turned(AVERAGE, 90) * 3, _turned(AVERAGE, -170)])
    fit = fit_average(faces, IBUG68)
    np.testing.assert_allclose(fit.doubt, 0, atol=1e-6)
    np.testing.assert_allclose(fit.tilt, [0, 0, 90, -170], atol=1e-3)


def test_a_known_distance():
    # A square against one of twice the width: likeness (2 + 1) / (sqrt(2) sqrt(5)) of their centred corners.
    corners = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
    square = replace(IBUG68, count=4, average=tuple(map(tuple, corners.tolist())))
    assert shape_doubt(corners[None] * [2, 1], square)[0] == pytest.approx(np.sqrt(1 - 9 / 10), abs=1e-6)


def test_a_real_face_is_none_mirrored_mixed_and_random_points_are(astronaut_landmarks):
    rng = np.random.default_rng(0)
    assert shape_doubt(astronaut_landmarks[None], IBUG68)[0] < 0.25
    wrong = [astronaut_landmarks[:, ::-1], astronaut_landmarks * [1, -1], rng.permutation(astronaut_landmarks)]
    assert (shape_doubt(np.stack([*wrong, rng.random((68, 2))]), IBUG68) > 0.9).all()


def test_unknown_is_nan_and_one_place_is_no_face(astronaut_landmarks):
    faces = np.stack([astronaut_landmarks * np.nan, np.full((68, 2), 7.0), astronaut_landmarks])
    doubt = shape_doubt(faces, IBUG68)
    assert np.isnan(doubt[0])
    assert doubt[1] == 1
    assert doubt[2] < DOUBTFUL
    assert doubt.dtype == np.float32
    assert shape_doubt(faces[:0], IBUG68).shape == (0,)


def test_a_scheme_without_an_average_is_compared_by_its_five_points(astronaut_landmarks):
    plain = replace(IBUG68, average=())
    faces = np.stack([astronaut_landmarks, astronaut_landmarks[:, ::-1]])
    expected = shape_doubt(IBUG68.five_points(faces), CELEBA5)
    np.testing.assert_array_equal(shape_doubt(faces, plain), expected)
    assert expected[0] < DOUBTFUL < expected[1]


def test_the_average_of_faces_is_in_the_faces_own_frame():
    rng = np.random.default_rng(0)
    faces = np.stack([_turned(AVERAGE, angle) * size for angle, size in ((0, 1), (20, 9), (-90, 60), (170, 3))])
    faces += rng.uniform(-500, 500, (4, 1, 2))
    np.testing.assert_allclose(average_face(faces, IBUG68), AVERAGE, atol=1e-4)
    # Neither faces of unknown points nor a few wrong ones have a say.
    wrong = rng.permutation(AVERAGE, axis=0)[None] * 30
    mixed = np.concatenate([faces, wrong, np.full((3, 68, 2), np.nan), np.full((1, 68, 2), 7.0)])
    np.testing.assert_allclose(average_face(mixed, IBUG68), AVERAGE, atol=1e-3)
    with pytest.raises(DataError, match="expected faces to average"):
        average_face(mixed[5:], IBUG68)


def test_many_faces_of_a_scheme_without_an_average_are_compared_with_their_own():
    plain = replace(IBUG68, average=())
    rng = np.random.default_rng(0)
    faces = AVERAGE + rng.normal(0, 0.01, (40, 68, 2))
    five = sorted({*plain.eyes[0], *plain.eyes[1], *plain.nose, *plain.mouth[0], *plain.mouth[1]})
    others = np.setdiff1d(np.arange(68), five)
    faces[3, others] = faces[3, rng.permutation(others)]  # its five points are right
    assert shape_doubt(faces, plain)[3] < DOUBTFUL
    assert np.flatnonzero(doubts_of(faces, plain) > DOUBTFUL).tolist() == [3]
    np.testing.assert_array_equal(doubts_of(faces[:10], plain), shape_doubt(faces[:10], plain))  # too few
    np.testing.assert_array_equal(doubts_of(faces, IBUG68), shape_doubt(faces, IBUG68))
    assert np.isnan(doubts_of(faces * np.nan, plain)).all()
