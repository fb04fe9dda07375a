"""Frames: how a source image becomes the H x W picture that masks live in.

A store keeps the matrix of each image, and the trainer warps images by it, so images and masks cannot drift apart.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError, OptionError
from wsegs.geometry.matrices import resize_affine

# Where the aligned CelebA images (218 high, 178 wide) hold the middle between the eyes and the middle of the mouth,
# as shares of width and height, and how far apart these two and the two eyes are, as shares of the width.
_EYES_TO_MOUTH = 40.5 / 178
_EYE_DISTANCE = 38.7 / 178
_CENTRE_BELOW_MIDDLE = 131.75 / 218 - 0.5


@dataclass(frozen=True)
class Frame:
    """The frame of a mask store.

    Attributes
    ----------
    kind
        ``image``: the source image as it is, resized if ``size`` differs. ``face``: a crop about the face, found
        from its landmarks, as the paper crops the unaligned images (Thom & Hand, section 4).
    size
        (H, W) in pixels.
    align_eyes
        For ``face``: rotate the crop so that the eyes are level. The paper keeps the tilt of the head.
    zoom
        For ``face``: 1 makes the face as large as in the aligned CelebA images, more makes it larger. The paper
        says only that its crops are "more focused on the face region"; 1.25 just keeps the chin of a frontal face.
    """

    kind: Literal["image", "face", "letterbox", "centre", "box"]
    size: tuple[int, int]
    align_eyes: bool = False
    zoom: float = 1.25

    def affine(self, five_points: NDArray[np.floating], image_sizes: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the matrices that take source images to this frame.

        Parameters
        ----------
        five_points
            (N, 5, 2), eyes, nose and corners of the mouth, x and y in source pixels, as
            :meth:`wsegs.schemes.LandmarkScheme.five_points` gives them; nan where there is no face.
        image_sizes
            (N, 2), width and height of the source images.

        Returns
        -------
        (N, 2, 3) float32; frame x, y = A @ (x, y, 1). With ``face``, nan where there is no face.
        """
        if self.kind == "image":
            return resize_affine(image_sizes[:, ::-1], self.size)
        return self._face_affine(np.asarray(five_points, np.float32))

    def _face_affine(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        height, width = self.size
        left_eye, right_eye = points[:, 0], points[:, 1]
        mouth = (points[:, 3] + points[:, 4]) / 2
        between_eyes = right_eye - left_eye
        down = mouth - (left_eye + right_eye) / 2
        # The larger of the two is the one that a turned or nodding head does not foreshorten.
        scale = (self.zoom * width) / np.maximum(
            np.linalg.norm(between_eyes, axis=1) / _EYE_DISTANCE,
            np.linalg.norm(down, axis=1) / _EYES_TO_MOUTH,
        )
        if self.align_eyes:
            # Across from the eyes, and across from the line eyes to mouth: each steadies the other in a profile.
            across = between_eyes + np.stack([down[:, 1], -down[:, 0]], axis=1)
            length = np.linalg.norm(across, axis=1)
            cosine, sine = across[:, 0] / length, across[:, 1] / length
        else:
            cosine, sine = np.ones(len(points)), np.zeros(len(points))
        linear = scale[:, None, None] * np.stack(
            [np.stack([cosine, sine], axis=1), np.stack([-sine, cosine], axis=1)], axis=1
        )
        centre = (left_eye + right_eye) / 4 + mouth / 2
        target = np.array([width / 2, height * (0.5 + _CENTRE_BELOW_MIDDLE * self.zoom)]) - 0.5
        offset = target - np.einsum("nij,nj->ni", linear, centre)
        return np.concatenate([linear, offset[:, :, None]], axis=2).astype(np.float32)

    def as_json(self) -> dict[str, Any]:
        """Return the frame as a JSON-able dictionary; :func:`frame_from_json` reads it back."""
        return asdict(self)


def frame_from_json(fields: dict[str, Any]) -> Frame:
    """Return the frame that :meth:`Frame.as_json` wrote; ``keep_tilt`` of older files is ``not align_eyes``."""
    return Frame(
        kind=fields["kind"],
        size=(int(fields["size"][0]), int(fields["size"][1])),
        align_eyes=bool(fields["align_eyes"]) if "align_eyes" in fields else not fields["keep_tilt"],
        zoom=float(fields["zoom"]),
    )


def image_frame(image_sizes: NDArray[np.integer], size: tuple[int, int] | None = None) -> Frame:
    """Return the frame of whole images of one size.

    Parameters
    ----------
    image_sizes
        (N, 2), width and height.
    size
        (H, W) to resize to; the size of the images, if None.

    Raises
    ------
    OptionError
        If the images are of several sizes; the message names the options that crop them.
    """
    alike = len(image_sizes) > 0 and (image_sizes == image_sizes[0]).all()  # quickly found where there are many
    sizes, counts = np.unique(image_sizes[: 1 if alike else None], axis=0, return_counts=True)
    if len(sizes) == 0:
        raise DataError("no image could be read, so there is nothing to draw masks for")
    if len(sizes) > 1:
        common = sizes[counts.argmax()]
        raise OptionError(
            f"--frame image: expected images of one size, got {len(sizes)} sizes"
            f" ({counts.max()} of {counts.sum()} are {common[1]}x{common[0]});"
            " --frame face --size 218x178 crops each about its face"
        )
    return Frame("image", size or (int(sizes[0, 1]), int(sizes[0, 0])))


def usual_frame(image_sizes: NDArray[np.integer]) -> Frame:
    """Return the frame of whole images if all have one size, else a 218x178 crop around the face.

    Parameters
    ----------
    image_sizes
        (N, 2), width and height; 0 for images that could not be read.
    """
    readable = image_sizes[image_sizes[:, 0] > 0]
    return image_frame(readable) if len(np.unique(readable, axis=0)) == 1 else Frame("face", (218, 178))
