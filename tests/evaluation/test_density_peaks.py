from __future__ import annotations

import numpy as np
import pytest

from wsegs.evaluation.density_peaks import density_peaks, highest_peaks, window_about


def _plainly(rho: np.ndarray) -> np.ndarray:
    """Sigma by its definition: all pairs."""
    places = np.stack(np.mgrid[: rho.shape[0], : rho.shape[1]], -1).reshape(-1, 2)
    values = rho.ravel()
    distance = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    higher = values[None] > values[:, None]
    nearest = np.where(higher, distance, np.inf).min(axis=1)
    return np.where(higher.any(axis=1), nearest, distance.max(axis=1)).reshape(rho.shape)


@pytest.mark.parametrize("seed", range(40))
def test_it_is_the_plain_definition(seed) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 14, 2))
    lowest, highest = ((-12, 6), (0, 3), (0, 1), (-3, 400))[seed % 4]  # sparse, with ties, all alike, dense
    rho = np.maximum(rng.integers(lowest, highest, shape), 0).astype(float)
    density = density_peaks(rho)
    np.testing.assert_allclose(density.sigma, _plainly(rho))
    np.testing.assert_allclose(density.d, np.hypot(rho, _plainly(rho)))


def test_the_example_by_hand() -> None:
    density = density_peaks(np.array([[0, 3, 1, 0, 0, 2, 0]]))
    assert density.sigma[0].tolist() == [1, 5, 1, 1, 1, 4, 1]
    np.testing.assert_allclose(density.d[0], [1, 5.831, 1.414, 1, 1, 4.472, 1], atol=5e-4)


def test_two_faces_are_two_peaks() -> None:
    """The cell beside the first face is higher than the second face, and no peak."""
    rho = np.zeros((9, 15))
    rho[4, 3], rho[4, 4], rho[3, 11] = 9.0, 8.0, 6.0
    assert highest_peaks(density_peaks(rho), rho, 2) == [(4, 3), (3, 11)]
    assert np.argsort(-rho, axis=None)[1] == 4 * 15 + 4


def test_the_window_is_what_hangs_together_about_the_peak() -> None:
    rho = np.zeros((6, 8))
    rho[1:4, 2:5] = 2.0
    rho[2, 3], rho[4, 5], rho[0, 7] = 4.0, 2.0, 3.0
    window = window_about(rho, (2, 3), 0.4)
    assert window[:5] == (1, 2, 4, 5, (2, 3))
    assert window.score == pytest.approx(rho[1:5, 2:6].mean())
    assert window_about(rho, (2, 3), 0.9)[:4] == (2, 3, 2, 3)


def test_a_map_that_does_not_respond_has_no_peak() -> None:
    rho = np.zeros((3, 4))
    assert highest_peaks(density_peaks(rho), rho, 2) == []
