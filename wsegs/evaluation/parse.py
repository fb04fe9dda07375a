"""Parse the faces of single images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from wsegs.errors import DataError, OptionError
from wsegs.evaluation.crops import CropKind, cropper_for
from wsegs.evaluation.known_faces import KnownFace, KnownFaces
from wsegs.evaluation.predict import Failure
from wsegs.evaluation.predictor import predictor_of
from wsegs.evaluation.runs import Run
from wsegs.geometry.matrices import invert
from wsegs.geometry.warp import warp_nearest
from wsegs.io.images import read_image, reason
from wsegs.nets import IGNORE_INDEX


@dataclass(frozen=True)
class ParsedImage:
    """The classes of an image's pixels.

    Attributes
    ----------
    path, image
        The file, and its pixels (H, W, 3) uint8 RGB.
    crop_kind
        How the network saw it.
    classes
        (H, W) uint8: the number of the most probable class of each pixel, in the order of the run's classes;
        ``IGNORE_INDEX`` outside of the crop.
    names
        Of the classes.
    """

    path: Path
    image: NDArray[np.uint8]
    crop_kind: CropKind
    classes: NDArray[np.uint8]
    names: tuple[str, ...]

    @property
    def shares(self) -> dict[str, float]:
        """The share of the known pixels that each class has."""
        known = self.classes[self.classes != IGNORE_INDEX]
        counts = np.bincount(known, minlength=len(self.names)) / max(1, len(known))
        return {name: float(count) for name, count in zip(self.names, counts, strict=True)}


def parse_images(run: Run, images: Sequence[Path], faces: KnownFaces | None = None) -> Iterator[ParsedImage | Failure]:
    """Yield what a parser sees in images, one after another; those that cannot be read are no obstacle.

    Parameters
    ----------
    run, images
        A run that parses, and files.
    faces
        Where their faces are, as far as a data set knows.

    Raises
    ------
    OptionError
        If the run does not parse.
    """
    if not run.class_names:
        raise OptionError(f"{run.path}: network '{run.plan.network.name}' does not parse faces")
    network, cropper = predictor_of(run), cropper_for(run.info, run.size)
    for position, path in enumerate(images):
        try:
            image = read_image(path)
        except DataError as error:
            yield Failure(path, reason(error, path))
            continue
        face = KnownFace(path=path) if faces is None else faces.of(position, path)
        crop = cropper.place(image, face=face)
        scores = network.parse(torch.from_numpy(crop.image).permute(2, 0, 1)[None])
        seen = scores[0].argmax(dim=0).to(torch.uint8).numpy()
        size = (image.shape[0], image.shape[1])
        classes = warp_nearest(seen, invert(crop.matrix), size, IGNORE_INDEX, np.maximum)
        yield ParsedImage(path, image, crop.kind, classes, run.class_names)
