"""Encode the crops that a mask store keeps; :mod:`wsegs.store.stored_crops` defines their layout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError
from wsegs.geometry.matrices import resize_affine
from wsegs.geometry.warp import warp_image
from wsegs.io.images import decode_image, read_bytes, reason
from wsegs.landmarks.image_sizes import check_size

QUALITY = 95
"""Of crops that are encoded."""


@dataclass(frozen=True)
class CropOptions:
    """How the images of a store are kept in it.

    Attributes
    ----------
    root
        The folder below which the images lie.
    quality
        Of the JPEGs, 1 to 100.
    """

    root: Path
    quality: int = QUALITY

    def sources(self, images: tuple[str, ...], sizes: NDArray[np.int32], affine: NDArray[np.float32]) -> CropSources:
        """Return where the images of some rows are; see :class:`CropSources`."""
        return CropSources(images, sizes, affine, self)


@dataclass(frozen=True, eq=False)
class CropSources:
    """Files of the images of n rows, and their places in the frame.

    Attributes
    ----------
    images
        n names relative to ``options.root``.
    sizes
        (n, 2), width and height as when the landmarks were found.
    affine
        (n, 2, 3), source image to frame.
    options
    """

    images: tuple[str, ...]
    sizes: NDArray[np.int32]
    affine: NDArray[np.float32]
    options: CropOptions

    def encode(self, size: tuple[int, int]) -> tuple[list[bytes], list[str]]:
        """Return the crops of all rows at ``size`` (H, W), as JPEG files, and what could not be read.

        Returns
        -------
        N JPEG files, empty where the image cannot be read; and ``name: reason`` of each such image.

        Raises
        ------
        DataError
            If an image is of another size than its landmarks were found in.
        """
        cv2.setNumThreads(1)  # a process is one worker of several
        crops: list[bytes] = []
        unreadable: list[str] = []
        for image, expected, affine in zip(self.images, self.sizes, self.affine, strict=True):
            path = self.options.root / image
            try:
                data = read_bytes(path)
                pixels = decode_image(data, path)
            except DataError as error:
                crops.append(b"")
                unreadable.append(f"{image}: {reason(error, path)}")
                continue
            check_size(path, pixels.shape[1::-1], expected, "its landmarks")
            crops.append(encode_crop(data, pixels, affine, size, self.options.quality))
        return crops, unreadable


def encode_crop(
    data: bytes, image: NDArray[np.uint8], affine: NDArray[np.floating], size: tuple[int, int], quality: int = QUALITY
) -> bytes:
    """Return an image in the frame of a store as a JPEG file.

    A JPEG that lies in the frame as it is, such as an aligned CelebA image, is returned unchanged: no second loss.

    Parameters
    ----------
    data
        The image's file.
    image
        (h, w, 3) uint8 RGB: what is in it.
    affine
        (2, 3), from image to frame.
    size
        (H, W) of the frame.
    quality
        1 to 100.
    """
    unmoved = image.shape[:2] == size and np.allclose(affine, resize_affine(np.array([size]), size)[0], atol=1e-4)
    if unmoved and data.startswith(b"\xff\xd8\xff"):
        return data
    crop = cv2.cvtColor(warp_image(image, affine, size), cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])
