from __future__ import annotations

import numpy as np
import pytest

from wsegs.heads.losses import LOSSES


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("present", [0.0, 1.0])
def test_derivatives_are_those_of_the_value(name: str, present: float) -> None:
    loss, logits, step = LOSSES[name], np.array([-9.0, -2.0, -0.3, 0.0, 0.4, 1.7, 11.0]), 1e-5
    label = np.full(len(logits), present)
    first, second = loss.derivatives(logits, label)
    slope = (loss.value(logits + step, label) - loss.value(logits - step, label)) / (2 * step)
    np.testing.assert_allclose(first, slope, atol=1e-8)
    after, before = (loss.derivatives(logits + move, label)[0] for move in (step, -step))
    np.testing.assert_allclose(second, (after - before) / (2 * step), atol=1e-8)


def test_values_by_hand() -> None:
    logits, present = np.array([0.0, 3.0, 3.0], np.float32), np.array([1, 1, 0], np.float32)
    np.testing.assert_allclose(LOSSES["hinge"].value(logits, present), [1, 0, 16])
    np.testing.assert_allclose(LOSSES["logistic"].value(logits, present), [0.693147, 0.048587, 3.048587], atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_large_logits_overflow_nothing(name: str) -> None:
    logits, present = np.array([-1e4, 1e4, -1e4, 1e4], np.float32), np.array([0, 1, 1, 0], np.float32)
    for values in (LOSSES[name].value(logits, present), *LOSSES[name].derivatives(logits, present)):
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
