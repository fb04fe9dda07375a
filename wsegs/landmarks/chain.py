"""The fallback chain: landmarkers tried in order until one finds the face."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from wsegs.io.images import Photo
from wsegs.landmarks.choose import choose_face, intersection_over_union, is_sure
from wsegs.landmarks.detectors import check_landmarkers, describe_landmarker, load_landmarker
from wsegs.landmarks.detectors.protocol import Faces, Landmarker, LandmarkerOptions
from wsegs.landmarks.detectors.upright import box_of_points

MAX_SIDE = 1024
DETECTORS = ("dlib", "mtcnn")
_SAME_FACE = 0.3  # intersection over union from which two detectors mean the same face
GIVEN = "data set box"
"""Status of a face whose box came with the data set; one of ``STATUS_NAMES`` in :mod:`wsegs.landmarks.table`."""


@dataclass(frozen=True)
class ChainOptions:
    """Options from which a worker process builds its own chain; small and picklable.

    Attributes
    ----------
    detectors
        Names of landmarkers, in the order in which they are tried.
    predictor
        Path of a dlib shape predictor; None for the installed one.
    max_side
        Detectors see the image with its longer side reduced to this; 0 disables it. Landmarks are placed on the
        full image, or on a JPEG that was decoded at a half, a quarter or an eighth, no smaller than this.
    """

    detectors: tuple[str, ...] = DETECTORS
    predictor: str | None = None
    max_side: int = MAX_SIDE

    def __post_init__(self) -> None:
        object.__setattr__(self, "detectors", check_landmarkers(self.detectors))

    def landmarkers(self) -> list[tuple[str, LandmarkerOptions]]:
        """Return each landmarker's name and its options."""
        return [(name, LandmarkerOptions(self.predictor, self.detectors[:i])) for i, name in enumerate(self.detectors)]

    def describe(self) -> list[dict[str, str]]:
        """Check that every landmarker can be used and return their provenance, before any long work begins."""
        return [describe_landmarker(name, options) for name, options in self.landmarkers()]


class FoundFace(NamedTuple):
    """Result of the chain on one image.

    Attributes
    ----------
    landmarks
        (P, 2) float32, x and y in pixels of the image; None if there is no face.
    found_by
        Name of the landmarker; ``none`` if there is no face.
    box
        (4,) float32, x, y, width, height of the face; None if there is no face.
    faces
        How many faces that landmarker found; -1 where none was searched.
    score
        How sure it is of this face, 0 to 1; nan where it does not say.
    """

    landmarks: NDArray[np.float32] | None
    found_by: str
    box: NDArray[np.float32] | None
    faces: int
    score: float = float("nan")


class _Candidate(NamedTuple):
    """A face that a landmarker would take, before its landmarks are placed; in pixels of the reduced photo."""

    landmarker: Landmarker
    box: NDArray[np.float32]
    points: NDArray[np.float32] | None
    faces: int
    score: float


class Chain:
    """Loaded landmarkers, tried in order."""

    def __init__(self, landmarkers: list[Landmarker], max_side: int) -> None:
        self._landmarkers = landmarkers
        self._max_side = max_side

    def find(self, image: NDArray[np.uint8] | Photo, known_box: NDArray[np.floating] | None = None) -> FoundFace:
        """Find the landmarks of one face in ``image``, a photo or (H, W, 3), RGB.

        Landmarkers are tried in order until one is sure of its face. A face that the first is unsure of is taken if a
        later one finds it, too, or if none is sure of any. If the data set has a box of the face, ``known_box`` (4,),
        faces that do not overlap it are ignored, and the first that does is taken. Colours are decoded only if a
        landmarker uses them.
        """
        photo = image if isinstance(image, Photo) else Photo.of_array(image)
        if known_box is not None:
            known_box = _reduced(known_box, photo.reduction)
        height, width = photo.grey().shape
        scale = min(1.0, self._max_side / max(height, width)) if self._max_side else 1.0
        unsure: list[_Candidate] = []
        for landmarker in self._landmarkers:
            if unsure and not landmarker.second_opinion:
                continue
            seen = photo.grey() if landmarker.detects_in_grey else photo.colour()
            faces = _enlarged(landmarker.detector.detect(_resized(seen, scale)), 1 / scale)
            confirmed = _confirmed(unsure, faces)
            if confirmed is not None:
                return self._place_candidate(photo, confirmed)
            chosen = choose_face(faces.boxes, (height, width), known_box, faces.scores)
            if chosen is None:
                continue
            box = faces.boxes[chosen]
            points = None if faces.points is None else faces.points[chosen]
            score = float("nan") if faces.scores is None else float(faces.scores[chosen])
            candidate = _Candidate(landmarker, box, points, len(faces), score)
            if known_box is not None or is_sure(candidate.box, score, (height, width)):
                return self._place_candidate(photo, candidate)
            unsure.append(candidate)
        if unsure:
            return self._place_candidate(photo, max(unsure, key=lambda candidate: candidate.score))
        return FoundFace(None, "none", None, 0)

    def _place_candidate(self, photo: Photo, face: _Candidate) -> FoundFace:
        found = self._place(photo, face.landmarker, face.box, face.points, face.landmarker.name, face.faces)
        return found._replace(score=face.score)

    def find_at(
        self,
        image: NDArray[np.uint8] | Photo,
        *,
        square: NDArray[np.float32] | None = None,
        points: NDArray[np.float32] | None = None,
    ) -> FoundFace:
        """Place the landmarks of a face at a known place, by the predictor of the first landmarker.

        Parameters
        ----------
        image
            A photo or (H, W, 3), RGB.
        square
            (4,), the face's box as dlib's HOG frames it: x, y, width, height in pixels.
        points
            (5, 2), its five points, instead of a square.
        """
        photo = image if isinstance(image, Photo) else Photo.of_array(image)
        if points is not None:
            points = _reduced_points(points, photo.reduction)
            box = box_of_points(points)
        elif square is not None:
            box = _reduced(square, photo.reduction)
        else:
            raise ValueError("expected a square or five points")
        return self._place(photo, self._landmarkers[0], box, points, GIVEN, -1)

    def _place(
        self,
        photo: Photo,
        landmarker: Landmarker,
        box: NDArray[np.float32],
        points: NDArray[np.float32] | None,
        found_by: str,
        faces: int,
    ) -> FoundFace:
        """Place landmarks in the reduced photo and scale them to the whole image."""
        image = photo.grey() if landmarker.predicts_in_grey else photo.colour()
        landmarks = landmarker.predictor.predict(image, box, points)
        whole = _enlarged(Faces(box[None], landmarks[None]), photo.reduction)
        assert whole.points is not None
        return FoundFace(whole.points[0], found_by, whole.boxes[0], faces)


def _confirmed(unsure: list[_Candidate], faces: Faces) -> _Candidate | None:
    """Return the candidate that a later landmarker found as well, with the higher score; None if there is none."""
    for candidate in unsure:
        overlap = intersection_over_union(faces.boxes, candidate.box)
        if len(faces) and overlap.max() >= _SAME_FACE:
            score = float("nan") if faces.scores is None else float(faces.scores[overlap.argmax()])
            return candidate._replace(score=max(candidate.score, score))  # the first, if the other does not say
    return None


def _resized(image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _enlarged(faces: Faces, factor: float) -> Faces:
    if factor == 1:
        return faces
    # Pixel centres are at integers: the edge of the first pixel, at -1/2, stays where it is.
    boxes = faces.boxes * factor
    boxes[:, :2] += (factor - 1) / 2
    points = None if faces.points is None else faces.points * factor + (factor - 1) / 2
    return Faces(boxes, points, faces.scores)


def _reduced_points(points: NDArray[np.floating], factor: float) -> NDArray[np.float32]:
    """Undo what :func:`_enlarged` does to points."""
    return ((points - (factor - 1) / 2) / factor).astype(np.float32)


def _reduced(box: NDArray[np.floating], factor: float) -> NDArray[np.float32]:
    """Undo what :func:`_enlarged` does to a box (4,)."""
    return np.concatenate([_reduced_points(box[:2], factor), box[2:] / factor]).astype(np.float32)


_loaded = threading.local()  # Dask may run several tasks in threads of one process, and detectors have a state


def load_chain(options: ChainOptions) -> Chain:
    """Return the chain of these options, loaded once a process (once a thread that asks)."""
    if getattr(_loaded, "options", None) != options:
        cv2.setNumThreads(1)  # there is a worker process on each core
        landmarkers = [load_landmarker(name, given) for name, given in options.landmarkers()]
        _loaded.chain, _loaded.options = Chain(landmarkers, options.max_side), options
    chain: Chain = _loaded.chain
    return chain


def landmarks_of_image(
    image: NDArray[np.uint8] | Photo,
    detectors: tuple[str, ...] = DETECTORS,
    *,
    predictor: str | None = None,
    max_side: int = MAX_SIDE,
    box: NDArray[np.floating] | None = None,
) -> FoundFace:
    """Find the landmarks of one image; the detectors stay loaded for the next call.

    Parameters
    ----------
    image
        (H, W, 3) uint8, RGB; or a photo. Of ``open_photo(path, MAX_SIDE)`` the landmarks are those that ``wsegs
        landmarks`` finds; of the pixels of a JPEG they may differ by up to a pixel, since its grey is another.
    detectors, predictor, max_side
        As in :class:`ChainOptions`.
    box
        (4,), x, y, width, height of the face; None for the largest near the centre.

    Raises
    ------
    MissingError, DataError
        If weights are missing or cannot be used.
    """
    return load_chain(ChainOptions(tuple(detectors), predictor, max_side)).find(image, box)
