"""Join faces that other tools found to the images of a data set, by name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wsegs.datasets.index import ROW_WITHOUT_IMAGE, Unmatched
from wsegs.datasets.join.names import Differences, ImageNames, what_is_apart
from wsegs.errors import DataError
from wsegs.landmarks.imports.kinds import files_of, read_file
from wsegs.landmarks.imports.rows import FaceRow
from wsegs.schemes import IBUG68, LandmarkScheme


@dataclass(frozen=True)
class Imported:
    """Imported landmarks of the N images of a data set, as the files have them.

    Attributes
    ----------
    landmarks
        (N, P, 2) float32, x and y, pixels counted from 0; nan where nothing was imported.
    sources
        Each path and the number of images that have landmarks from it, for the provenance.
    unmatched
        Names without an image.
    places
        N texts: the file and the line that each image's landmarks are from, "" where there are none.
    sizes
        (N, 2) int32, width and height of the images that the points were made on; 0 where no file says so.
    first
        (N,) uint8: 1 where the file counts pixels from 1; that is subtracted already.
    scores
        (N,) float32: how sure the file is of each face, 0 to 1; nan where no file says so.
    notes
        Lines to tell the user: what was understood, chosen or left out.
    """

    landmarks: NDArray[np.float32]
    sources: list[dict[str, Any]] = field(default_factory=list)
    unmatched: tuple[Unmatched, ...] = ()
    places: tuple[str, ...] = ()
    sizes: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 2), np.int32))
    first: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    scores: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.landmarks)
        for name, empty in (
            ("places", ("",) * count),
            ("sizes", np.zeros((count, 2), np.int32)),
            ("first", np.zeros(count, np.uint8)),
            ("scores", np.full(count, np.nan, np.float32)),
        ):
            if len(getattr(self, name)) != count:
                object.__setattr__(self, name, empty)

    @property
    def found(self) -> NDArray[np.bool_]:
        """(N,) bool: which images have imported landmarks."""
        found: NDArray[np.bool_] = np.asarray(np.isfinite(self.landmarks).all(axis=(1, 2)))
        return found

    @classmethod
    def nothing(cls, count: int, scheme: LandmarkScheme = IBUG68) -> Imported:
        """Return no landmarks for ``count`` images."""
        return cls(np.full((count, scheme.count, 2), np.nan, np.float32))

    def select(self, indices: ArrayLike) -> Imported:
        """Return the imports of some of the images."""
        rows = np.asarray(indices, np.intp)
        return replace(
            self,
            landmarks=self.landmarks[rows],
            places=tuple(self.places[row] for row in rows),
            sizes=self.sizes[rows],
            first=self.first[rows],
            scores=self.scores[rows],
        )


def read_imports(
    paths: Sequence[str | os.PathLike[str]],
    images: Sequence[str],
    scheme: LandmarkScheme = IBUG68,
    *,
    folder: str | os.PathLike[str] = "",
) -> Imported:
    """Read files or folders of landmarks and join them to ``images`` by name.

    Names that differ in form alone are understood; see :class:`wsegs.datasets.join.names.ImageNames`. Of several
    faces of one image the surest counts. Points are taken as they are: :mod:`wsegs.landmarks.plausible` doubts them.

    Parameters
    ----------
    paths
        Files, or folders with files anywhere below them; see :mod:`wsegs.landmarks.imports.kinds`.
    images
        N names of the data set.
    scheme
        What the points are.
    folder
        The folder of the images, for absolute names.

    Raises
    ------
    MissingError
        If a path does not exist or a folder holds no file of landmarks.
    DataError
        If a file is malformed or of another kind, a name fits several images, an image gets landmarks twice, or no
        row of a path fits an image; the message names the file and the line.
    """
    joining = _Joining(images, scheme, os.fspath(folder))
    for path in map(Path, paths):
        joining.read(path)
    return replace(
        joining.imported,
        sources=joining.sources,
        unmatched=tuple(joining.unmatched),
        notes=tuple(joining.notes),
        places=tuple(joining.places),
    )


class _Joining:
    """What has been read so far."""

    def __init__(self, images: Sequence[str], scheme: LandmarkScheme, folder: str) -> None:
        self.imported = Imported.nothing(len(images), scheme)
        self.places = [""] * len(images)
        self.sources: list[dict[str, Any]] = []
        self.unmatched: list[Unmatched] = []
        self.notes: list[str] = []
        self._images, self._scheme = images, scheme
        self._names = ImageNames(images, folder)
        self._known: dict[tuple[str, ...], int | None] = {}

    def read(self, path: Path) -> None:
        """Join all faces of a file or a folder."""
        differences = Differences()
        mine: set[int] = set()
        without: set[int] = set()
        several: set[int] = set()
        incomplete: list[str] = []
        strangers: dict[str, str] = {}
        for file in files_of(path):
            chosen: dict[int, tuple[tuple[str, ...], float | None]] = {}
            for row in read_file(file, path, self._scheme):
                index = self._find(row, differences)
                if index is None:
                    strangers.setdefault(row.names[0], row.where)
                elif row.points is None:
                    without.add(index)
                    incomplete += [row.where] if row.incomplete else []
                elif index in chosen and chosen[index][0] == row.names:
                    several.add(index)
                    if self._surer(row, chosen[index][1], index):
                        self._take(row, index)
                        chosen[index] = (row.names, row.score)
                elif self.places[index]:
                    raise DataError(
                        f"{row.where}: {self._images[index]} has landmarks already, from {self.places[index]}"
                    )
                else:
                    self._take(row, index)
                    chosen[index] = (row.names, row.score)
                    mine.add(index)
        if not mine and not without:
            raise DataError(self._nothing_fits(path, strangers))
        self.unmatched += [Unmatched(ROW_WITHOUT_IMAGE, name.strip(), where) for name, where in strangers.items()]
        self.sources.append({"path": str(path), "images": len(mine)})
        self.notes += differences.describe(path, len(self._images))
        if several:
            self.notes.append(f"{path}: {_images(len(several))} with several faces; the surest counts")
        self._drop_other_scores(path, sorted(mine))
        if incomplete:
            self.notes.append(
                f"{path}: {_images(len(incomplete))} with a face whose points are not all known, left out; the first:"
                f" {incomplete[0]}"
            )
        if nobody := len(without - mine) - len(incomplete):
            self.notes.append(f"{path}: {_images(nobody)} without a face")

    def _find(self, row: FaceRow, differences: Differences) -> int | None:
        if row.names in self._known:
            return self._known[row.names]
        index = None
        ambiguous: tuple[str, tuple[int, ...]] | None = None
        for name in row.names:
            found = self._names.find(name)
            if len(found.images) == 1:
                index = found.images[0]
                if not found.exact:
                    differences.add(name, self._images[index])
                break
            if found.images and ambiguous is None:
                ambiguous = (name, found.images)
        if index is None and ambiguous is not None:
            name, fits = ambiguous
            apart = what_is_apart(name, self._images[fits[0]])
            raise DataError(
                f"{row.where}: '{name[:200]}' fits several images ({self._images[fits[0]]}, {self._images[fits[1]]});"
                f" name it as the data set does{f' ({apart} apart)' if apart else ''}"
            )
        self._known[row.names] = index
        return index

    def _take(self, row: FaceRow, index: int) -> None:
        assert row.points is not None
        self.imported.landmarks[index] = row.points - row.first
        self.imported.sizes[index] = row.size or 0
        self.imported.first[index] = row.first
        self.imported.scores[index] = np.nan if row.score is None else row.score
        self.places[index] = row.where

    def _drop_other_scores(self, path: Path, mine: list[int]) -> None:
        """Drop the scores of a path that are no shares, such as percent."""
        scores = self.imported.scores[mine]
        if ((scores < 0) | (scores > 1)).any():
            self.imported.scores[mine] = np.nan
            self.notes.append(
                f"{path}: its scores are {np.nanmin(scores):.4g} to {np.nanmax(scores):.4g}, expected 0 to 1;"
                " they are not kept"
            )

    def _surer(self, row: FaceRow, score: float | None, index: int) -> bool:
        if row.score is None or score is None:
            raise DataError(
                f"{row.where}: {self._images[index]} has landmarks already, from {self.places[index]}: of several faces"
                " the surest counts, and there is no score (confidence, FaceScore, score) to choose by; keep one face"
                " an image"
            )
        return row.score > score

    def _nothing_fits(self, path: Path, strangers: dict[str, str]) -> str:
        if not strangers:
            return f"{path}: expected faces, got none"
        name, where = next(iter(strangers.items()))
        images = f"(such as '{self._images[0]}')" if self._images else ""
        names = f"none of {len(strangers)} names in {path} (such as '{name[:200]}')"
        return f"{where}: {names} fits one of {len(self._images)} images {images}{self._names.hint(name)}"


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"
