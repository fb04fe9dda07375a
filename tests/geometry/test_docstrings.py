"""Examples in docstrings are right."""

from __future__ import annotations

import doctest

import pytest

from wsegs.geometry import crops, matrices, resample


@pytest.mark.parametrize("module", [crops, matrices, resample])
def test_examples(module):
    failed, attempted = doctest.testmod(module)
    assert attempted
    assert not failed
