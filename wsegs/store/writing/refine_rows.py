"""Refine the regions of a few rows of a store: find, read and warp their images, then refine by pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wsegs import __version__
from wsegs.errors import DataError
from wsegs.geometry.warp import covered_by_source, warp_image
from wsegs.io.images import read_image
from wsegs.landmarks.image_sizes import check_size
from wsegs.refine import METHOD_VERSION, Refinement, refine_regions
from wsegs.rules import RuleSet


@dataclass(frozen=True, eq=False)
class RefineOptions:
    """How a store's regions are refined.

    Attributes
    ----------
    refinement
        Which regions, and how.
    root
        The folder below which the images lie.
    """

    refinement: Refinement
    root: Path

    def photos(self, images: tuple[str, ...], sizes: NDArray[np.int32], affine: NDArray[np.float32]) -> Photos:
        """Return where the images of some rows are; see :class:`Photos`."""
        return Photos(images, sizes, affine, self)

    def as_json(self, unrefined: int) -> dict[str, Any]:
        """Return what a store keeps of it; ``unrefined`` faces have no image that could be read."""
        return {
            "regions": list(self.refinement.refined),
            "refinement": self.refinement.source,
            "sha256": self.refinement.sha256,
            "method": METHOD_VERSION,
            "wsegs": __version__,
            "unrefined_faces": unrefined,
        }


@dataclass(frozen=True, eq=False)
class Photos:
    """Where the images of N rows are, and how they lie in the frame.

    Attributes
    ----------
    images
        N names relative to ``options.root``.
    sizes
        (N, 2), width and height as when the landmarks were found.
    affine
        (N, 2, 3), source image to frame.
    options
        How to refine.
    """

    images: tuple[str, ...]
    sizes: NDArray[np.int32]
    affine: NDArray[np.float32]
    options: RefineOptions

    def select(self, rows: slice) -> Photos:
        """Return some of the rows."""
        return Photos(self.images[rows], self.sizes[rows], self.affine[rows], self.options)


def refine_rows(regions: NDArray[Any], landmarks: NDArray[np.float32], rules: RuleSet, photos: Photos) -> int:
    """Refine the regions of a batch, in place.

    A face whose image cannot be read keeps its regions.

    Parameters
    ----------
    regions
        (N, H, W), as the rules draw them.
    landmarks
        (N, P, 2), x and y in the frame; nan where there is no face.
    rules
        What drew the regions.
    photos
        Their images.

    Returns
    -------
    How many faces kept their regions for want of an image.

    Raises
    ------
    DataError
        If an image is of another size than its landmarks were found in.
    """
    cv2.setNumThreads(1)  # a process is one worker of several
    unrefined = 0
    size = (regions.shape[1], regions.shape[2])
    for row in np.flatnonzero(np.isfinite(landmarks).all(axis=(1, 2))).tolist():
        path = photos.options.root / photos.images[row]
        try:
            image = read_image(path)
        except DataError:
            unrefined += 1
            continue
        height, width = image.shape[:2]
        check_size(path, (width, height), photos.sizes[row], "its landmarks")
        regions[row] = refine_regions(
            regions[row],
            warp_image(image, photos.affine[row], size),
            landmarks[row],
            rules,
            photos.options.refinement,
            covered_by_source(photos.affine[row], (height, width), size),
        )
    return unrefined
