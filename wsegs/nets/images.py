"""Images as networks see them."""

from __future__ import annotations

from torch import Tensor


def normalise(images: Tensor) -> Tensor:
    """Return images, uint8 (B, 3, H, W), as float between -1 and 1."""
    return images.float().div_(127.5).sub_(1)
