"""From images to masks: landmarks, regions, mask stores, pictures. Needs neither torch nor, but for landmarks, dlib."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets import open_dataset
from wsegs.datasets.index import FaceDataset
from wsegs.errors import DataError
from wsegs.geometry.frame import Frame, image_frame, usual_frame
from wsegs.geometry.matrices import transform_points
from wsegs.io.images import read_image
from wsegs.landmarks import find
from wsegs.landmarks.chain import DETECTORS, MAX_SIDE
from wsegs.landmarks.table import LandmarkTable, read_landmarks
from wsegs.rules.ruleset import RuleSet, load_rules
from wsegs.schemes import CELEBA5, IBUG68
from wsegs.store.images import find_root
from wsegs.store.reader import MaskStore
from wsegs.store.writing import build
from wsegs.store.writing.encode_crops import CropOptions

PathLike = str | os.PathLike[str]

_FACE_SIZE = (218, 178)


def find_landmarks(
    data: FaceDataset | PathLike,
    output: PathLike = "landmarks.h5",
    *,
    detectors: str | Sequence[str] = DETECTORS,
    predictor: PathLike | None = None,
    max_side: int = MAX_SIDE,
    from_data: bool = False,
    jobs: int = -1,
    force: bool = False,
) -> LandmarkTable:
    """Find the landmarks of every image of a data set, and write them to a file.

    A call that was interrupted goes on where it was. :func:`wsegs.landmarks.find.find_landmarks` has more options.

    Parameters
    ----------
    data
        A data set, or its folder (:func:`wsegs.open_dataset`).
    output
        The HDF5 file; ``wsegs.read_landmarks`` reads it again.
    detectors
        Landmarkers, tried in order: ``dlib``, ``mtcnn``, ``face-alignment``.
    predictor
        A dlib shape predictor of 68 points; None for the installed one.
    max_side
        Detectors see images with their longer side reduced to this; 0 means as they are.
    from_data
        Take the five points that come with the data set, without a detector.
    jobs
        Processes; -1 is one a core.
    force
        Overwrite ``output``.

    Returns
    -------
    The table; ``landmarks`` is (N, P, 2) float32, x and y in pixels of each image, nan where no face was found.

    Raises
    ------
    MissingPackageError
        If a detector's package is not installed: ``pip install 'wsegs[dlib]'``.
    WsegsError
        If data set, weights or output cannot be used.
    """
    names = (detectors,) if isinstance(detectors, str) else tuple(detectors)
    return find.find_landmarks(
        data if isinstance(data, FaceDataset) else open_dataset(Path(data)),
        output,
        detectors=("none",) if from_data else names,
        predictor=predictor,
        max_side=max_side,
        scheme=CELEBA5 if from_data else IBUG68,
        from_data=from_data,
        jobs=jobs,
        force=force,
    )


@overload
def draw(
    rules: RuleSet | PathLike, landmarks: LandmarkTable | NDArray[Any], size: tuple[int, int], attributes: None = None
) -> NDArray[np.unsignedinteger]: ...


@overload
def draw(
    rules: RuleSet | PathLike,
    landmarks: LandmarkTable | NDArray[Any],
    size: tuple[int, int],
    attributes: Sequence[str],
) -> NDArray[np.bool_]: ...


def draw(
    rules: RuleSet | PathLike,
    landmarks: LandmarkTable | NDArray[Any],
    size: tuple[int, int],
    attributes: Sequence[str] | None = None,
) -> NDArray[Any]:
    """Draw the regions of faces, or the masks of attributes.

    Parameters
    ----------
    rules
        Compiled rules, or the name or path of a rule file.
    landmarks
        (N, P, 2) or, of one face, (P, 2): x and y in pixels of the frame, pixel centres at whole numbers, nan without
        a face. Or a table: each image is then stretched to ``size``.
    size
        (H, W) of the frame.
    attributes
        Names of A attributes that the rules know; None draws regions.

    Returns
    -------
    Region integers (N, H, W), whose bit r is set where region ``rules.region_names[r]`` lies. With ``attributes``, bool
    (N, A, H, W): where each lies in a face that has it. Of one face, without the first axis.

    Raises
    ------
    RuleError, MissingError
        If the rules cannot be used, or do not know an attribute.
    DataError
        If the table's landmarks cannot be reduced to those of the rules.

    Examples
    --------
    >>> import numpy as np
    >>> nobody = np.full((3, 68, 2), np.nan)
    >>> draw("celeba", nobody, (218, 178)).shape
    (3, 218, 178)
    >>> draw("celeba", nobody[0], (218, 178), ["Smiling", "Eyeglasses"]).shape
    (2, 218, 178)
    """
    rule_set = rules if isinstance(rules, RuleSet) else load_rules(os.fspath(rules))
    if isinstance(landmarks, LandmarkTable):
        frame = Frame("image", size)
        points = landmarks.scheme.convert(np.asarray(landmarks.landmarks), rule_set.scheme)
        points = transform_points(points, frame.affine(rule_set.scheme.five_points(points), landmarks.image_size))
    else:
        points = np.asarray(landmarks)
    single = points.ndim == 2
    regions = rule_set.draw(points[None] if single else points, size)
    if attributes is None:
        return regions[0] if single else regions
    masks = np.moveaxis(rule_set.lookup(attributes).coverage(regions), 0, 1)
    return masks[0] if single else masks


def build_store(
    landmarks: LandmarkTable | PathLike,
    rules: RuleSet | PathLike = "celeba",
    output: PathLike = "masks.h5",
    *,
    frame: Literal["image", "face", "auto"] = "auto",
    size: tuple[int, int] | None = None,
    with_images: bool = False,
    data: PathLike | None = None,
    jobs: int = -1,
    force: bool = False,
) -> MaskStore:
    """Draw the masks of every image into a mask store, and open it.

    A call that was interrupted goes on where it was. :func:`wsegs.store.writing.build.build_store` has more options.

    Parameters
    ----------
    landmarks
        A table, or its file.
    rules
        Compiled rules, or the name or path of a rule file.
    output
        The store.
    frame
        ``image``: whole images, all of one size. ``face``: crops about the faces; images without one are left out.
        ``auto``: whole images where they are all of one size, else crops.
    size
        (H, W) of the masks; None is the images' own size, and 218x178 for crops.
    with_images
        Keep the crops in the store, too.
    data
        The folder of the images for ``with_images``, where it moved since the landmarks were found.
    jobs
        Processes; -1 is one a core.
    force
        Overwrite ``output``.

    Raises
    ------
    WsegsError
        If landmarks, rules, images or output cannot be used, or do not fit each other.
    """
    table = landmarks if isinstance(landmarks, LandmarkTable) else read_landmarks(landmarks)
    sizes = table.image_size[table.image_size[:, 0] > 0]
    kind = usual_frame(sizes).kind if frame == "auto" else frame
    crops = None
    if with_images:
        first = table.images[0] if table.images else ""
        source = "the landmarks" if isinstance(landmarks, LandmarkTable) else os.fspath(landmarks)
        crops = CropOptions(find_root(table.provenance, first, None if data is None else Path(data), source))
    build.build_store(
        table,
        rules if isinstance(rules, RuleSet) else load_rules(os.fspath(rules)),
        image_frame(sizes, size) if kind == "image" else Frame("face", size or _FACE_SIZE),
        Path(output),
        images=crops,
        jobs=jobs,
        force=force,
    )
    return MaskStore(output)


def draw_overlay(
    image: NDArray[np.uint8] | PathLike,
    drawn: NDArray[Any],
    landmarks: NDArray[np.floating] | None = None,
    *,
    scale: float = 2.0,
    output: PathLike | None = None,
) -> NDArray[np.uint8]:
    """Draw regions or a mask over a face.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB, or an image file.
    drawn
        Region integers (H, W), a colour a region; or one mask, bool (H, W).
    landmarks
        (P, 2), x and y in pixels of the image, drawn as dots; None for none.
    scale
        How much larger the picture is.
    output
        A ``.png`` file to write it to, too.

    Returns
    -------
    uint8 RGB (h, w, 3), ``scale`` times as large.

    Raises
    ------
    DataError
        If image and regions are not of one size, or the image cannot be read.
    """
    from wsegs.reports.canvas import write_png
    from wsegs.reports.overlay import draw_landmarks, mask_overlay, region_overlay

    pixels = image if isinstance(image, np.ndarray) else read_image(Path(image))
    drawn = np.asarray(drawn)
    if drawn.shape != pixels.shape[:2] or drawn.dtype.kind not in "bu":
        height, width = pixels.shape[:2]
        raise DataError(
            f"expected region integers or a bool mask ({height}, {width}), the size of the image, got"
            f" {drawn.dtype} {drawn.shape}"
        )
    if drawn.dtype.kind == "b":
        picture = draw_landmarks(mask_overlay(pixels, drawn, scale=scale), landmarks, scale)
    else:
        names = [str(bit) for bit in range(drawn.itemsize * 8)]
        picture = region_overlay(pixels, drawn, names, landmarks, scale=scale)
    if output is not None:
        write_png(picture, Path(output))
    return picture
