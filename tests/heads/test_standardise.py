from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from wsegs.errors import DataError, OptionError
from wsegs.heads import checks
from wsegs.heads.standardise import Standardiser


@pytest.fixture
def features() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(rng.uniform(-50, 50, 7), rng.uniform(0.01, 9, 7), size=(1000, 7)).astype(np.float16)


@pytest.mark.parametrize("block", [1, 7, 64, 5000])
def test_blocks_are_as_good_as_the_whole(features: np.ndarray, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(checks.row_blocks, "__defaults__", (block,))
    rows = np.random.default_rng(1).random(1000) < 0.3
    found = Standardiser.measure(features, rows)
    np.testing.assert_allclose(found.mean, features[rows].astype(float).mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found.scale, features[rows].astype(float).std(axis=0), rtol=1e-6)
    expected = np.clip((features.astype(float) - found.mean) / found.scale, -8, 8)
    np.testing.assert_allclose(found.standardised(features), expected, atol=1e-4)


def test_features_are_standardised_in_place(features: np.ndarray) -> None:
    found, own = Standardiser.measure(features), features.astype(np.float32)
    expected = found.standardised(features)
    found.apply(own)
    np.testing.assert_array_equal(own, expected)
    np.testing.assert_allclose(own.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(own.std(axis=0), 1, atol=1e-3)


@pytest.mark.parametrize("value", [0.0, 0.1, -1234.5])
def test_features_that_do_not_vary_are_zero(value: float) -> None:
    features = np.full((999, 2), value, np.float16)
    features[:500, 1] = 1
    found = Standardiser.measure(features)
    assert found.scale[0] == 1
    assert found.scale[1] != 1
    assert not found.standardised(features)[:, 0].any()


def test_rare_features_are_clipped() -> None:
    features = np.zeros((10_000, 1), np.float16)
    features[0] = 5
    assert Standardiser.measure(features).standardised(features).max() == 8
    assert Standardiser.measure(features, clip=2.5).standardised(features).max() == 2.5


def test_features_are_read_from_a_file(tmp_path: Path, features: np.ndarray) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        found = Standardiser.measure(file.create_dataset("s8", data=features))
    np.testing.assert_array_equal(found.mean, Standardiser.measure(features).mean)


def test_features_of_other_images_may_be_anything_but_nan(features: np.ndarray) -> None:
    features[3, 5] = np.nan
    rows = np.ones(1000, bool)
    with pytest.raises(DataError, match=r"^features: expected finite numbers, got nan at row 3, feature 5$"):
        Standardiser.measure(features, rows)
    rows[3] = False
    assert np.isfinite(Standardiser.measure(features, rows).mean).all()


def test_bad_input_is_told(features: np.ndarray) -> None:
    with pytest.raises(DataError, match="expected training images, got none"):
        Standardiser.measure(features, np.zeros(1000, bool))
    with pytest.raises(DataError, match="expected an array"):
        Standardiser.measure(features[0])
    with pytest.raises(OptionError, match="clip: expected a number above 0, got 0"):
        Standardiser.measure(features, clip=0)
    with pytest.raises(DataError, match="expected float32 to standardise in place, got float16"):
        Standardiser.measure(features).apply(features)
    with pytest.raises(DataError, match=r"expected an array \(N, 7\), got \(1000, 3\)"):
        Standardiser.measure(features).standardised(features[:, :3])
