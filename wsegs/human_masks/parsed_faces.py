"""Faces with landmarks and human parsing masks in one frame, by which rules are scored and to which they are fitted."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

import joblib
import numpy as np
from joblib.externals.loky.process_executor import TerminatedWorkerError
from numpy.typing import NDArray
from tqdm import tqdm

from wsegs.datasets.parsing import ParsedImage, check_mask_shape, find_parsing, parsing_size, read_parsing
from wsegs.errors import DataError, OptionError, WsegsError
from wsegs.geometry.crops import letterbox_affine
from wsegs.geometry.matrices import resize_affine, turn_affine
from wsegs.geometry.warp import warp_classes, warp_image
from wsegs.io.images import image_size, open_photo, read_image
from wsegs.landmarks.chain import DETECTORS, MAX_SIDE, ChainOptions, load_chain
from wsegs.landmarks.table import LandmarkTable, read_landmarks
from wsegs.rules.tuning.class_map import OUTSIDE
from wsegs.schemes import IBUG68, LandmarkScheme

Fold = Literal["first", "second", "all"]

SIZE = (218, 218)
_CHUNK = 16  # images of a task
_BATCH = 32  # masks read at a time, which bounds memory for any number of faces


@dataclass(frozen=True, eq=False)
class ParsedFaces:
    """N faces with landmarks, and the files of their human masks.

    Attributes
    ----------
    files
        Name, image and mask of each.
    landmarks
        Landmark scheme -> (N, P, 2) float64, x and y in pixels of the frame; finite.
    size
        (H, W) of the frame.
    unmoved_sizes, affine
        (N, 2) height and width of each whole image before turning and scaling, and the (N, 2, 3) matrices from it to
        the frame: an image of another shape than the frame's keeps its shape.
    no_face
        Names of the images that were left out because they have no landmarks.
    """

    files: tuple[ParsedImage, ...]
    landmarks: dict[LandmarkScheme, NDArray[np.float64]]
    size: tuple[int, int]
    unmoved_sizes: NDArray[np.intp]
    affine: NDArray[np.float64]
    no_face: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.files)

    @property
    def names(self) -> tuple[str, ...]:
        """N file names relative to the folder of images."""
        return tuple(file.name for file in self.files)

    def landmarks_of(self, scheme: LandmarkScheme) -> NDArray[np.float64]:
        """Return the landmarks in a scheme, (N, P, 2) float64; any scheme can be reduced to CelebA's five points.

        Raises
        ------
        DataError
            If the landmarks cannot be had in that scheme.
        """
        _check_scheme(scheme, self.landmarks)
        known = sorted(self.landmarks, key=lambda own: not own.agrees_with(scheme))  # prefer the scheme itself
        source = next(own for own in known if own.can_become(scheme))
        return source.convert(self.landmarks[source], scheme).astype(np.float64)

    def masks(self, rows: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint16]:
        """Read class numbers in the frame, uint16 (len(rows), H, W); ``OUTSIDE`` beyond the photo."""
        masks = np.empty((len(rows), *self.size), np.uint16)
        for mask, row in zip(masks, rows, strict=True):
            whole = read_parsing(self.files[row].mask)
            mask[:] = warp_classes(whole, self.affine[row], self._unmoved(row), self.size, OUTSIDE)
        return masks

    def batches(self, doing: str) -> Iterator[tuple[slice, NDArray[np.uint16]]]:
        """Yield rows and their :meth:`masks`, a few at a time, with a progress bar titled ``doing``."""
        with tqdm(total=len(self), unit="face", desc=doing, disable=None) as bar:
            for start in range(0, len(self), _BATCH):
                rows = range(start, min(start + _BATCH, len(self)))
                yield slice(rows.start, rows.stop), self.masks(rows)
                bar.update(len(rows))

    def image(self, row: int) -> NDArray[np.uint8]:
        """Read one image in the frame, (H, W, 3) uint8 RGB; black beyond the photo."""
        whole = read_image(self.files[row].image)
        scaled = warp_image(
            whole, resize_affine(np.array([whole.shape[:2]]), self._unmoved(row))[0], self._unmoved(row)
        )
        return warp_image(scaled, self.affine[row], self.size)

    def _unmoved(self, row: int | np.integer) -> tuple[int, int]:
        height, width = self.unmoved_sizes[row].tolist()
        return height, width

    def turned(self, degrees: float) -> ParsedFaces:
        """Return the same faces turned counter-clockwise about the centre of the frame, which keeps its size."""
        if degrees == 0:
            return self
        matrix, _ = turn_affine(self.size, degrees, 1.0)
        landmarks = {name: points @ matrix[:, :2].T + matrix[:, 2] for name, points in self.landmarks.items()}
        return replace(self, landmarks=landmarks, affine=_composed(matrix, self.affine))

    def select(self, rows: Sequence[int] | NDArray[np.integer]) -> ParsedFaces:
        """Return some of the faces, in that order."""
        rows = np.arange(len(self))[np.asarray(rows, None if np.size(rows) else np.intp)]
        landmarks = {scheme: points[rows] for scheme, points in self.landmarks.items()}
        return replace(
            self,
            files=tuple(self.files[row] for row in rows),
            landmarks=landmarks,
            unmoved_sizes=self.unmoved_sizes[rows],
            affine=self.affine[rows],
        )


def _check_scheme(scheme: LandmarkScheme, known: Collection[LandmarkScheme]) -> None:
    if any(own.can_become(scheme) for own in known):
        return
    names = ", ".join(own.name for own in known)
    raise DataError(
        f"expected landmarks of the scheme '{scheme.name}', which the rules need, got {names};"
        " --landmarks names a landmarks.h5 that has them"
    )


def fold_of(name: str) -> Literal["first", "second"]:
    """Return the fold that an image is in, by a hash of its file name: one half to fit on, one to report on."""
    digest = hashlib.sha256(PurePosixPath(name).name.encode("utf-8", "surrogateescape")).hexdigest()
    return "second" if int(digest, 16) % 2 else "first"


def load_parsed_faces(
    parsing_masks: Path,
    *,
    images: Path | None = None,
    landmarks: Sequence[Path] = (),
    detectors: Sequence[str] = DETECTORS,
    predictor: Path | None = None,
    size: tuple[int, int] = SIZE,
    fold: Fold = "all",
    turn: float = 0.0,
    scale: float = 1.0,
    jobs: int = -1,
    schemes: Sequence[LandmarkScheme] = (),
) -> ParsedFaces:
    """Load the faces that have a human parsing mask, and load or find their landmarks.

    Parameters
    ----------
    parsing_masks, images
        The folders; see :func:`wsegs.datasets.parsing.find_parsing`.
    landmarks
        Landmark files of different schemes, joined by name; a face needs landmarks in each of them. Without any,
        landmarks (``ibug68``) are found as ``wsegs landmarks`` finds them.
    detectors, predictor
        Detectors of the landmarks; see :class:`wsegs.landmarks.chain.ChainOptions`.
    size
        (H, W) of the frame into which images and masks are fitted, centred; they keep their shape.
    fold
        Load only the images that :func:`fold_of` puts in this fold.
    turn, scale
        Degrees counter-clockwise and factor by which masks and landmarks are turned and scaled about the centre of
        the frame, which grows with ``scale``.
    jobs
        Processes that find landmarks; -1 is one for each core.
    schemes
        Landmark schemes that are needed: one that is missing is reported before the search.

    Raises
    ------
    MissingError, DataError
        If files are missing, do not belong together or cannot be read.
    OptionError
        If no image is left, two landmark files have one scheme, or a number is not finite.
    """
    if not (np.isfinite(turn) and np.isfinite(scale)):
        raise OptionError(f"--turn and --scale: expected finite numbers, got {turn} and {scale}")
    files = tuple(file for file in find_parsing(parsing_masks, images) if fold in ("all", fold_of(file.name)))
    if not files:
        raise OptionError(f"--fold {fold}: no image of {parsing_masks} is in it")
    if landmarks:
        points = _read_tables(landmarks, files)
        for scheme in schemes:
            _check_scheme(scheme, points)
    else:
        for scheme in schemes:
            _check_scheme(scheme, [IBUG68])
        options = ChainOptions(tuple(detectors), str(predictor) if predictor else None, MAX_SIDE)
        points = {IBUG68: _find(options, files, jobs)}
    found = np.all([np.isfinite(array).all(axis=(1, 2)) for array in points.values()], axis=0)
    if not found.any():
        raise DataError(f"{parsing_masks}: no face was found in any of the {len(files)} images")
    unmoved_sizes, fitted = _fit([file for file, has_face in zip(files, found, strict=True) if has_face], size)
    matrix, moved_size = turn_affine(size, turn, scale)
    affine = _composed(matrix, fitted)
    return ParsedFaces(
        files=tuple(file for file, has_face in zip(files, found, strict=True) if has_face),
        landmarks={scheme: _moved(array[found], unmoved_sizes, affine) for scheme, array in points.items()},
        size=moved_size,
        unmoved_sizes=unmoved_sizes,
        affine=affine,
        no_face=tuple(file.name for file, has_face in zip(files, found, strict=True) if not has_face),
    )


def _fit(files: Sequence[ParsedImage], size: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return (N, 2), to which size (H, W) each image is scaled, and (N, 2, 3), from there into the frame.

    Images of the frame's shape are scaled to the frame, others to their mask's size, and fitted into the frame then.
    """
    sizes, matrices = [], []
    for file in files:
        own = parsing_size(file.mask)
        alike = own[0] * size[1] == own[1] * size[0]
        sizes.append(size if alike else own)
        matrices.append(np.eye(2, 3) if alike else letterbox_affine(own, size))
    return np.array(sizes, np.intp), np.array(matrices, np.float64)


def _composed(matrix: NDArray[np.floating], inner: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the matrices (N, 2, 3) that move by ``inner`` (N, 2, 3) and then by ``matrix`` (2, 3)."""
    linear = matrix[:, :2] @ inner[:, :, :2]
    shift = inner[:, :, 2] @ matrix[:, :2].T + matrix[:, 2]
    return np.concatenate([linear, shift[:, :, None]], axis=2)


def _moved(
    points: NDArray[np.float64], unmoved_sizes: NDArray[np.intp], affine: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Move points (N, P, 2) into the frame: they are in the unit square of their image, edge to edge."""
    scaled = points * unmoved_sizes[:, None, ::-1] - 0.5
    moved: NDArray[np.float64] = np.einsum("npj,nij->npi", scaled, affine[:, :, :2]) + affine[:, None, :, 2]
    return moved


def _find(options: ChainOptions, files: Sequence[ParsedImage], jobs: int) -> NDArray[np.float64]:
    """Return landmarks (N, 68, 2) in the unit square of their image; nan where there is no face."""
    options.describe()  # reports missing weights before the work begins
    chunks = [files[start : start + _CHUNK] for start in range(0, len(files), _CHUNK)]
    # For one chunk, starting processes costs more than it gains.
    jobs = 1 if len(chunks) == 1 else joblib.effective_n_jobs(jobs)
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator")
    parts = []
    with tqdm(total=len(files), unit="face", desc="landmarks", disable=None) as bar:
        try:
            for part in parallel(joblib.delayed(_find_in_chunk)(options, chunk, jobs > 1) for chunk in chunks):
                parts.append(part)
                bar.update(len(part))
        except TerminatedWorkerError as error:
            raise WsegsError("a worker process died, perhaps for want of memory; try fewer processes (-j)") from error
    return np.concatenate(parts)


def _find_in_chunk(options: ChainOptions, files: Sequence[ParsedImage], in_worker: bool) -> NDArray[np.float64]:
    if in_worker:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to handle
    chain = load_chain(options)
    points = np.full((len(files), IBUG68.count, 2), np.nan)
    for row, file in enumerate(files):
        photo = open_photo(file.image, options.max_side)
        check_mask_shape(file.mask, file.image, photo.size[::-1])
        face = chain.find(photo)
        if face.landmarks is not None:
            points[row] = (face.landmarks.astype(np.float64) + 0.5) / photo.size
    return points


def _check_same_picture(file: ParsedImage, table_size: Sequence[int], path: Path) -> None:
    """Raise DataError unless the image is of the size (H, W) that its landmarks say, or either a multiple of it.

    Points, masks and images are scaled to one frame, so that landmarks of halved images fit the whole ones.
    """
    (width, height), (own_height, own_width) = image_size(file.image), table_size
    ratio = max(width / own_width, own_width / width)
    same = (width * own_height == height * own_width) and ratio == round(ratio)
    if not same:
        raise DataError(
            f"{file.image}: {width}x{height} pixels, expected {own_width}x{own_height} by {path}, or a multiple of it"
        )


def _read_tables(paths: Sequence[Path], files: Sequence[ParsedImage]) -> dict[LandmarkScheme, NDArray[np.float64]]:
    """Return scheme -> landmarks (N, P, 2) in the unit square of their image; nan where a table has no face."""
    points: dict[LandmarkScheme, NDArray[np.float64]] = {}
    for path in paths:
        table = read_landmarks(path)
        if any(table.scheme.name == scheme.name for scheme in points):
            raise OptionError(
                f"--landmarks {path}: the second file of the scheme '{table.scheme.name}'; expected one a scheme"
            )
        points[table.scheme] = _joined(table, path, files)
    return points


def _joined(table: LandmarkTable, path: Path, files: Sequence[ParsedImage]) -> NDArray[np.float64]:
    rows = {name: row for row, name in enumerate(table.images)}
    # The table may be of another root folder: a unique file name is enough.
    short: dict[str, list[int]] = {}
    for name, row in rows.items():
        short.setdefault(PurePosixPath(name).name, []).append(row)
    points = np.full((len(files), table.scheme.count, 2), np.nan)
    known = 0
    for position, file in enumerate(files):
        candidates = short.get(PurePosixPath(file.name).name, [])
        row = rows.get(file.name, candidates[0] if len(candidates) == 1 else -1)
        if row < 0:
            continue
        known += 1
        if table.found[row]:
            its_size = table.image_size[row, ::-1]
            check_mask_shape(file.mask, file.image, its_size.tolist())
            _check_same_picture(file, its_size.tolist(), path)
            points[position] = (table.landmarks[row].astype(np.float64) + 0.5) / its_size[::-1]
    if not known:
        raise DataError(f"--landmarks {path}: has none of the {len(files)} images; the first is '{files[0].name}'")
    return points
