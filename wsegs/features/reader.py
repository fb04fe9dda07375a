"""Read ``features.h5``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError, MissingError
from wsegs.features.format import FORMAT_NAME, FORMAT_VERSION, MIRRORED, difference
from wsegs.io.checksum import pixels_checksum, row_checksums
from wsegs.io.hdf5 import check_readable, open_hdf5, reason_of
from wsegs.io.integrity import check_structure
from wsegs.io.processes.subprocess_call import SubprocessError
from wsegs.store.rows import Rows, rows_of

_DAMAGE = (OSError, RuntimeError, KeyError, IndexError, ValueError, TypeError, AttributeError)


class FeatureStore:
    """A file of features, format 1; ``features["s8"]`` is the HDF5 dataset, float16 (N, R + 1, C).

    Parameters
    ----------
    path
        The file that ``wsegs features`` wrote.

    Attributes
    ----------
    path : Path
    region_names : tuple of str
        R names; the row behind them is the whole image.
    blocks : tuple of (int, int)
        (stride, channels), the finest first.
    has_mirrored : bool
        Whether it has features of the mirrored images.
    identity : dict
        What made the features.

    Raises
    ------
    MissingError
        If there is no such file.
    DataError
        If it is damaged, or another file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._check_file()
        try:
            self._file = open_hdf5(self.path)
            if self._file.attrs.get("format") != FORMAT_NAME:
                raise DataError(f"{self.path}: expected features, got another HDF5 file")
            version = self._file.attrs.get("version")
            if version != FORMAT_VERSION:
                raise DataError(f"{self.path}: expected format {FORMAT_VERSION} of features, got {version}")
            self.region_names: tuple[str, ...] = tuple(json.loads(self._file.attrs["region_names"]))
            self.identity: dict[str, Any] = json.loads(self._file.attrs["identity"])
            strides = sorted(int(name[1:]) for name in self._file if name[:1] == "s" and name[1:].isdecimal())
            self.blocks: tuple[tuple[int, int], ...] = tuple(
                (stride, int(self._file[f"s{stride}"].shape[2])) for stride in strides
            )
            self.has_mirrored: bool = MIRRORED in self._file
            rows = {len(self._file[name]) for name in ("image", "status", *(f"s{stride}" for stride in strides))}
            if len(rows) != 1 or not strides:
                raise DataError(f"{self.path}: expected as many features as images, got {sorted(rows)}; it is damaged")
        except DataError:
            raise
        except _DAMAGE as error:
            raise DataError(f"{self.path}: expected features, got a damaged file ({reason_of(error)})") from None

    def _check_file(self) -> None:
        if not self.path.exists():
            raise MissingError(f"{self.path}: no such file of features; wsegs features makes it")
        if self.path.is_dir():
            raise DataError(f"{self.path}: expected features, got a folder")
        state = check_structure(self.path)
        try:
            if state == "none":
                check_readable(self.path)
        except (OSError, SubprocessError) as error:
            raise DataError(f"{self.path}: expected features, got a damaged or other file ({error})") from None
        if state == "broken":
            raise DataError(f"{self.path}: damaged: its sha256 is not the one written in it; --force makes it anew")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, name: str) -> h5py.Dataset:
        """Return a dataset by its name: ``s8``, ``mirrored/s8``, ``status``, ..."""
        return self._file[name]

    @cached_property
    def images(self) -> tuple[str, ...]:
        """N names of images. Join by these, not by row."""
        return tuple(name.decode("utf-8", "surrogateescape") for name in self._file["image"][:].tolist())

    @cached_property
    def status(self) -> NDArray[np.uint8]:
        """(N,): 0 unreadable, 1 its own regions, 2 those of the mean face."""
        return np.asarray(self._file["status"][:], np.uint8)

    def rows_of(self, names: Sequence[str]) -> NDArray[np.intp]:
        """Return the rows of images by name, (B,); -1 where there is none."""
        places = {name: row for row, name in enumerate(self.images)}
        return np.array([places.get(name, -1) for name in names], np.intp)

    def matrix(self, rows: Rows, *, mirrored: bool = False) -> NDArray[np.float16]:
        """Return the features of some images, (B, F), stride by stride, region by region, the whole image last.

        Parameters
        ----------
        rows
            (B,) in any order, counted from the end where negative; a slice; or a boolean array (N,).
        mirrored
            Those of the mirrored images.

        Raises
        ------
        IndexError
            If there is no such row, or the index is of another shape or type.
        DataError
            If a row does not have the checksum that it was written with.
        """
        wanted = rows_of(rows, len(self), self.path)
        out = self.read(wanted, mirrored=mirrored)
        wrong = np.flatnonzero(self.checksums(wanted, out) != self.stated(mirrored)[wanted])
        if len(wrong):
            raise DataError(
                f"{self.path}: the features of '{self.images[wanted[wrong[0]]]}' are damaged; --force makes them anew"
            )
        return out

    def read(self, rows: Rows, *, mirrored: bool = False) -> NDArray[np.float16]:
        """Return features as :meth:`matrix` does, without a look at their checksums."""
        wanted = rows_of(rows, len(self), self.path)
        widths = [(len(self.region_names) + 1) * channels for _, channels in self.blocks]
        out = np.empty((len(wanted), sum(widths)), np.float16)
        column = 0
        for (stride, _), width in zip(self.blocks, widths, strict=True):
            dataset = self._file[f"{MIRRORED}/s{stride}" if mirrored else f"s{stride}"]
            self._fill(out[:, column : column + width], dataset, wanted)
            column += width
        return out

    def checksums(self, rows: Rows, features: NDArray[np.float16]) -> NDArray[np.uint32]:
        """Return the checksums (B,) that some rows would have with features (B, F)."""
        wanted = rows_of(rows, len(self), self.path)
        begun = [pixels_checksum(row) for row in features]
        return row_checksums([self.images[row] for row in wanted], [self.status[wanted]], begun)

    def stated(self, mirrored: bool) -> NDArray[np.uint32]:
        """Return the checksums of all rows (N,) as they were written."""
        return np.asarray(self._file[f"{MIRRORED}/checksum" if mirrored else "checksum"][:], np.uint32)

    def _fill(self, out: NDArray[np.float16], dataset: h5py.Dataset, rows: NDArray[np.intp]) -> None:
        """Copy rows chunk by chunk: HDF5's own choice of single rows is many times slower."""
        length = dataset.chunks[0]
        chunks = rows // length
        for chunk in np.unique(chunks):
            first = int(chunk) * length
            try:
                block = dataset[first : first + length]
            except _DAMAGE as error:
                raise DataError(f"{self.path}: rows {first} and on cannot be read ({reason_of(error)})") from None
            here = np.flatnonzero(chunks == chunk)
            out[here] = block[rows[here] - first].reshape(len(here), -1)

    def check_identity(self, wanted: Mapping[str, Any]) -> None:
        """Check that the features are those of a store, rules, frame, network and weights.

        Raises
        ------
        DataError
            If they are not; the message says what differs first.
        """
        differs = difference(self.identity, wanted)
        if differs:
            raise DataError(f"{self.path}: features of something else ({differs}); --force makes them anew")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
