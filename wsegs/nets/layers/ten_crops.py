"""The mean of what a network says of ten patches of an image: its middle and corners, and these mirrored.

As Krizhevsky, Sutskever & Hinton test AlexNet: probabilities are averaged, not logits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from wsegs.nets import NetworkOutput

PATCHES = 10


def ten_patches(images: Tensor, corners: Sequence[Sequence[int]], size: tuple[int, int]) -> Tensor:
    """Return the patches (10 B, C, h, w) of images (B, C, H, W): those of an image one after another.

    Parameters
    ----------
    corners
        Row and column where each of five patches begins; see :func:`wsegs.geometry.crops.patch_corners`. The mirrored
        ones follow in the same order.
    size
        (h, w).
    """
    height, width = size
    five = torch.stack([images[..., y : y + height, x : x + width] for y, x in corners], dim=1)
    return torch.cat([five, five.flip(-1)], dim=1).flatten(0, 1)


def mean_of_patches(output: NetworkOutput, kinds: Mapping[str, str]) -> NetworkOutput:
    """Return the mean of the outputs for ten patches of each image.

    Parameters
    ----------
    output
        Of (10 B) patches.
    kinds
        Kind of the task of each head: categories and identities become log probabilities, attributes the logits of
        mean probabilities, numbers their mean.
    """

    def mean(values: Tensor) -> Tensor:
        of_images: Tensor = values.unflatten(0, (-1, PATCHES)).mean(dim=1)
        return of_images

    heads = {}
    for name, values in output.heads.items():
        kind = kinds.get(name, "")
        if kind in ("category", "identity"):
            heads[name] = mean(values.softmax(dim=1)).log()
        elif kind == "number":
            heads[name] = mean(values)
        else:
            heads[name] = mean(values.sigmoid()).logit(eps=1e-7)
    features = None if output.features is None else mean(output.features)
    return NetworkOutput(heads, None, features)
