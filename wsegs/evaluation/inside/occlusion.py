"""Where a network looks for an attribute: what happens to its decision when a part of the face is covered.

The paper's figure 11 shows such regions and does not say how they were found. Covering is chosen here since it needs no
layer of a certain kind: it works for every network that reads the image alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from wsegs.evaluation.runs import Run
from wsegs.nets.images import normalise

_SIDE = 0.2  # of the patch, as a share of the image's longer side
_STEPS = 14  # positions along the longer side
_BATCH = 128


def occlusion_maps(run: Run, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return by how much each attribute's logit changes where a part of the images is covered, (A, h, w).

    The patch has the mean colour of all images. The magnitude of the change is averaged over the images and divided by
    the deviation of the logit over them, so that maps of several attributes compare.

    Parameters
    ----------
    run
        Of a network that reads no regions, with attributes.
    images
        uint8 (N, H, W, 3), of the network's size.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = run.network.to(device)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    grey = torch.from_numpy(images.mean(axis=(0, 1, 2)).round().astype(np.uint8))[None, :, None, None]
    rows, columns, side = _places(images.shape[1:3])
    found = np.zeros((len(run.attribute_names), len(rows), len(columns)), np.float32)
    with torch.inference_mode(), tqdm(total=len(rows) * len(columns), desc="covered", disable=None) as bar:

        def logits(given: torch.Tensor) -> torch.Tensor:
            parts = given.split(_BATCH)
            return torch.cat([network(normalise(part.to(device))).logits.float().cpu() for part in parts])

        plain = logits(pixels)
        scale = plain.std(dim=0, correction=0).clamp(min=1e-6)
        for y, top in enumerate(rows):
            for x, left in enumerate(columns):
                covered = pixels.clone()
                covered[:, :, top : top + side, left : left + side] = grey
                found[:, y, x] = ((logits(covered) - plain).abs().mean(dim=0) / scale).numpy()
                bar.update()
    network.to("cpu")
    return found


def _places(size: tuple[int, ...]) -> tuple[list[int], list[int], int]:
    """Return the first rows and first columns of the patches, and their side, of images of (H, W)."""
    side = max(1, round(_SIDE * max(size)))
    step = max(1, round((max(size) - side) / (_STEPS - 1)))

    def along(length: int) -> Iterator[int]:
        last = max(0, length - side)
        return iter(sorted({*range(0, last, step), last}))

    return list(along(size[0])), list(along(size[1])), side
