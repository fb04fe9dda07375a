"""Frames: how a source image becomes the H x W picture that masks live in.

The only place that builds or applies an affine matrix between images; the trainer warps images by the matrix that
the store keeps, so images and masks cannot drift apart. Pixel centres are at whole numbers, so a resize maps
x to ``(x + 0.5) * scale - 0.5``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError, OptionError
from wsegs.schemes import LandmarkScheme

# Where the aligned CelebA images (218 high, 178 wide) hold the middle between the eyes and the middle of the mouth,
# as shares of width and height, and how far apart these two and the two eyes are, as shares of the width.
_EYES_TO_MOUTH = 40.5 / 178
_EYE_DISTANCE = 38.7 / 178
_CENTRE_BELOW_MIDDLE = 131.75 / 218 - 0.5

_BEFORE_TIES = 1 / 256  # of a pixel; OpenCV counts in 1/1024


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

    kind: Literal["image", "face", "letterbox", "box"]
    size: tuple[int, int]
    align_eyes: bool = False
    zoom: float = 1.25

    def affine(
        self, landmarks: NDArray[np.floating], image_sizes: NDArray[np.integer], scheme: LandmarkScheme
    ) -> NDArray[np.float32]:
        """Return the matrices that take source images to this frame.

        Parameters
        ----------
        landmarks
            (N, P, 2), x and y in source pixels; nan where there is no face.
        image_sizes
            (N, 2), width and height of the source images.
        scheme
            Which points are eyes and mouth.

        Returns
        -------
        (N, 2, 3) float32; frame x, y = A @ (x, y, 1). With ``face``, nan where there is no face.
        """
        if self.kind == "image":
            return resize_affine(image_sizes[:, ::-1], self.size)
        return self._face_affine(scheme.five_points(landmarks))

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
    """Return the frame of images that are all of one size.

    Parameters
    ----------
    image_sizes
        (N, 2), width and height.
    size
        (H, W) to resize to; as the images are, if None.

    Raises
    ------
    OptionError
        If the images are of several sizes; the message says which options crop them.
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
    """Return the images' own frame where they are all of one size, else a crop of 218x178 about the face.

    Parameters
    ----------
    image_sizes
        (N, 2), width and height; rows of images that could not be read are 0.
    """
    readable = image_sizes[image_sizes[:, 0] > 0]
    return image_frame(readable) if len(np.unique(readable, axis=0)) == 1 else Frame("face", (218, 178))


def resize_affine(from_size: NDArray[np.integer], to_size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the matrices of a resize of whole images, (N, 2, 3); ``from_size`` is (N, 2) of height, width."""
    scale = np.array(to_size, np.float64) / np.maximum(from_size, 1)
    affine = np.zeros((len(from_size), 2, 3))
    affine[:, 0, 0], affine[:, 1, 1] = scale[:, 1], scale[:, 0]
    affine[:, 0, 2], affine[:, 1, 2] = (scale[:, 1] - 1) / 2, (scale[:, 0] - 1) / 2
    return affine.astype(np.float32)


def scale_affine(
    affine: NDArray[np.floating], from_size: tuple[int, int], to_size: tuple[int, int]
) -> NDArray[np.float32]:
    """Return ``affine`` (..., 2, 3) into a frame of ``from_size`` (H, W) as one into a frame of ``to_size``."""
    (scaling,) = resize_affine(np.array([from_size]), to_size)
    linear = scaling[:, :2] @ affine
    linear[..., 2] += scaling[:, 2]
    moved: NDArray[np.float32] = linear.astype(np.float32)
    return moved


def transform_points(points: NDArray[np.floating], affine: NDArray[np.floating]) -> NDArray[np.float32]:
    """Apply affine matrices (N, 2, 3) to points (N, P, 2), x and y."""
    # Written out: numpy's einsum gives the same numbers in thirty times the time.
    x, y = points[:, :, 0], points[:, :, 1]
    moved = np.empty(points.shape, np.float32)
    for axis in range(2):
        moved[:, :, axis] = affine[:, axis, :1] * x + affine[:, axis, 1:2] * y + affine[:, axis, 2:]
    return moved


def warp_image(image: NDArray[np.uint8], affine: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Warp an image (h, w, 3) by an affine matrix (2, 3) to ``size`` (H, W); black where the source ends.

    Enlarging is bilinear. Shrinking averages areas first, since bilinear sampling alone would alias.
    """
    height, width = size
    whole = resize_affine(np.array([image.shape[:2]]), size)[0]
    if np.allclose(affine, whole, atol=1e-4):
        if image.shape[:2] == size:
            return image
        return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    scale = float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))
    matrix = np.asarray(affine, np.float64)
    if scale < 0.75:
        shrunk = (max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale)))
        (shrink,) = resize_affine(np.array([image.shape[:2]]), shrunk).astype(np.float64)
        image = np.asarray(cv2.resize(image, shrunk[::-1], interpolation=cv2.INTER_AREA), np.uint8)
        # source -> frame = (shrunk -> frame) after (source -> shrunk), solved for the first of the two.
        linear = matrix[:, :2] @ np.linalg.inv(shrink[:, :2])
        matrix = np.concatenate([linear, (matrix[:, 2] - linear @ shrink[:, 2])[:, None]], axis=1)
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR), np.uint8)


def covered_by_source(
    affine: NDArray[np.floating], source_size: tuple[int, int], size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return where a frame of ``size`` (H, W) shows its source image of ``source_size`` (h, w), bool (H, W).

    Parameters
    ----------
    affine
        (2, 3), from source to frame.
    """
    rows, columns = np.indices(size)
    inverse = np.linalg.inv(np.asarray(affine[:, :2], np.float64))
    x, y = np.einsum("ij,jhw->ihw", inverse, np.stack([columns - affine[0, 2], rows - affine[1, 2]]))
    height, width = source_size
    return np.asarray((x >= -0.5) & (y >= -0.5) & (x <= width - 0.5) & (y <= height - 0.5))


def turn_affine(size: tuple[int, int], turn: float, scale: float) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Return the matrix that turns and scales a frame about its centre, and the size of the frame it leads to.

    Parameters
    ----------
    size
        (H, W) before.
    turn
        Degrees, against the clock.
    scale
        The frame grows with its content.

    Returns
    -------
    (2, 3) float64, and (H, W).
    """
    height, width = size
    grown = max(1, round(height * scale)), max(1, round(width * scale))
    matrix = np.asarray(cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn, scale), np.float64)
    matrix[:, 2] += np.array([grown[1] - width, grown[0] - height]) / 2
    return matrix, grown


def warp_classes(
    mask: NDArray[np.uint16],
    affine: NDArray[np.float64],
    from_size: tuple[int, int],
    to_size: tuple[int, int],
    outside: int,
) -> NDArray[np.uint16]:
    """Sample a mask of class numbers by nearest neighbour, once, whatever its size.

    Parameters
    ----------
    mask
        (h, w), of the whole picture at any size.
    affine
        (2, 3), from the whole picture at ``from_size`` (H, W) to the frame.
    to_size
        (H, W) of the frame.
    outside
        The value of what lies outside of the picture.
    """
    down, across = from_size[0] / mask.shape[0], from_size[1] / mask.shape[1]
    # Unmoved, this takes the pixels that cv2.resize takes with INTER_NEAREST, as the published figures do: those half a
    # pixel of the frame before the centres. A little less than that, so that whole numbers are not ties.
    half = 0.5 - _BEFORE_TIES
    scaling = np.array([[across, 0, across * half], [0, down, down * half], [0, 0, 1]])
    warped = cv2.warpAffine(
        mask,
        affine @ scaling,
        to_size[::-1],
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(outside,),
    )
    return np.asarray(warped, np.uint16)
