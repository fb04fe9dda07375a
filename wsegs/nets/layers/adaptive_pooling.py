"""Adaptive pooling that every exporter knows."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def adaptive_max_pool(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps (B, C, H, W) pooled to (h, w), as ``adaptive_max_pool2d`` does.

    ONNX has no such operator. There, rows and then columns are gathered window by window.
    """
    if not torch.compiler.is_compiling():
        return nn.functional.adaptive_max_pool2d(maps, size)
    rows, columns = (_windows(long, short) for long, short in zip(maps.shape[2:], size, strict=True))
    across = maps[:, :, rows].amax(dim=3)
    return across[:, :, :, columns].amax(dim=4)


def _windows(long: int, short: int) -> Tensor:
    """Return the places of each window, int64 (short, k); those that have fewer repeat their last."""
    first = torch.arange(short) * long // short
    last = -(-(torch.arange(1, short + 1) * long) // short) - 1
    most = max(-(-(i + 1) * long // short) - i * long // short for i in range(short))
    return torch.minimum(first[:, None] + torch.arange(most), last[:, None])
