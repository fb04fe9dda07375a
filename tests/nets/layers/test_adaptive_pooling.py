"""Pooling and cells as exporters see them are what the usual way computes."""

from __future__ import annotations

from unittest.mock import patch

import torch
from hypothesis import given
from hypothesis import strategies as st

from wsegs.nets.layers.adaptive_pooling import adaptive_max_pool
from wsegs.nets.layers.heads import Heads
from wsegs.nets.layers.locally_shared import LocallySharedConvolution


@given(st.integers(1, 13), st.integers(1, 13), st.integers(1, 5), st.integers(1, 5), st.integers(0, 99))
def test_windows_are_those_of_torch(height, width, rows, columns, seed) -> None:
    maps = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(seed))
    usual = torch.nn.functional.adaptive_max_pool2d(maps, (rows, columns))
    assert torch.equal(adaptive_max_pool(maps, (rows, columns)), usual)
    with patch("torch.compiler.is_compiling", return_value=True):
        assert torch.equal(adaptive_max_pool(maps, (rows, columns)), usual)


def test_cell_by_cell_is_all_at_once() -> None:
    torch.manual_seed(0)
    layer = LocallySharedConvolution(3, 5, 3, 2, (6, 8))
    maps = torch.randn(4, 3, 6, 8)
    usual = layer(maps)
    with patch("torch.compiler.is_compiling", return_value=True):
        torch.testing.assert_close(layer(maps), usual)


def test_words_of_python_are_renamed_and_outputs_keep_their_names() -> None:
    heads = Heads(4, {"class": 3, "age": 1})
    features = torch.randn(2, 4)
    before = heads(features)
    heads.rename_keywords()
    assert list(heads) == ["class_", "age"]
    after = heads(features)
    assert list(after) == ["class", "age"]
    assert all(torch.equal(before[name], after[name]) for name in before)
