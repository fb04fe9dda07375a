"""Read mask stores: by name, row or batch, from one process or from DataLoader workers."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.typed_labels import Categories, check_labels
from wsegs.errors import DataError, MissingError
from wsegs.geometry.frame import Frame, frame_from_json
from wsegs.geometry.resample import NearestGrid
from wsegs.io.files import did_you_mean, is_safe_relative_path
from wsegs.io.hdf5 import open_hdf5, reason_of
from wsegs.landmarks.label_columns import read_categories, read_numbers
from wsegs.rules import AttributeLookup, RuleSet, compile_rules
from wsegs.schemes import LandmarkScheme, get_scheme, scheme_from_mapping
from wsegs.store.checks import check_before_opening, check_shapes, read_header
from wsegs.store.chunk_reader import READ_ERRORS, ChunkReader
from wsegs.store.rows import Rows, row_of, rows_of
from wsegs.store.stored_crops import StoredCrops, decode_crop

# Errors of libhdf5, JSON and the parsers of the header on a damaged file.
_DAMAGE = (
    OSError,
    RuntimeError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
)


class MaskStore:
    """A mask store, format 1.

    ``store[index]`` returns masks by row, name, slice or array (:meth:`__getitem__`). Pickles as its path, and opens
    its file lazily, once per process: an HDF5 handle that crosses a fork reads wrong data.

    Parameters
    ----------
    path
        The HDF5 file that ``wsegs masks`` wrote.

    Attributes
    ----------
    path : Path
    size : (int, int)
        (H, W) of every mask.
    scheme : LandmarkScheme
        What the landmarks are.
    frame : Frame
    rules : RuleSet
        Compiled again from the text that the store keeps.
    lookup : AttributeLookup
        From region integers to attribute masks.
    region_names, attribute_names, status_names : tuple of str
    provenance : dict
        What made the landmarks: data set, detectors, weights.

    Raises
    ------
    MissingError
        If there is no such file.
    DataError
        If it is not a complete mask store of this format.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._handle: h5py.File | None = None
        self._process = -1
        self._reader: ChunkReader | None = None
        self._crops: StoredCrops | None = None
        self._last_grid: NearestGrid | None = None
        try:
            check_before_opening(self.path)
            self._read_header(read_header(self.path, self._file))
        except (DataError, MissingError):
            self.close()  # libhdf5 would go on with what it knows of this file
            raise
        except _DAMAGE as error:
            self.close()
            raise DataError(f"{self.path}: expected a mask store, got a damaged one ({reason_of(error)})") from error

    def _read_header(self, header: dict[str, str]) -> None:
        if hashlib.sha256(header["rules"].encode()).hexdigest() != header["rules_sha256"]:
            raise DataError(f"{self.path}: the rules in it do not have the sha256 that it was written with")
        self.rules: RuleSet = compile_rules(header["rules"], header["rules_source"])
        self.wsegs_version: str = header["wsegs"]
        self.scheme: LandmarkScheme = self._scheme(header["scheme"])
        self.region_names: tuple[str, ...] = tuple(json.loads(header["region_names"]))
        self.attribute_names: tuple[str, ...] = tuple(json.loads(header["attribute_names"]))
        self.status_names: tuple[str, ...] = tuple(json.loads(header["status_names"]))
        self.frame: Frame = frame_from_json(json.loads(header["frame"]))
        self.provenance: dict[str, Any] = json.loads(header["provenance"])
        self.size: tuple[int, int] = self.frame.size
        self.lookup: AttributeLookup = self.rules.lookup(self.attribute_names)
        check_shapes(self, self._file())

    def __len__(self) -> int:
        return len(self.images)

    def __contains__(self, name: object) -> bool:
        """Tell whether the store has an image of this name."""
        return name in self._rows_by_name

    def __getitem__(self, index: int | str | slice | Sequence[int] | NDArray[Any]) -> NDArray[np.bool_]:
        """Return masks of one image or of several.

        Parameters
        ----------
        index
            A row or the name of an image: bool (A, H, W). A slice, a list or an integer array of rows, or a boolean
            array (N,): bool (B, A, H, W), in the order of the index. Rows may count from the end.

        Raises
        ------
        DataError
            If there is no image of that name.
        IndexError
            If there is no such row, or the index is of another shape or type.
        """
        if isinstance(index, str):
            index = self.row(index)
        if isinstance(index, slice | list | tuple | range) or (isinstance(index, np.ndarray) and index.ndim):
            return self.masks(index)
        masks: NDArray[np.bool_] = self.masks([row_of(index, len(self), self.path)])[0]
        return masks

    def row(self, name: str) -> int:
        """Return the row of an image by its name, as :attr:`images` spells it.

        Raises
        ------
        DataError
            If there is no image of that name.
        """
        try:
            return self._rows_by_name[name]
        except KeyError:
            raise DataError(
                f"{self.path}: has no image '{name}', one of {len(self)}{did_you_mean(name, self.images)}"
            ) from None

    @cached_property
    def _rows_by_name(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.images)}

    def masks(self, indices: Rows, size: tuple[int, int] | None = None) -> NDArray[np.bool_]:
        """Return the masks of a batch, bool (B, A, h, w).

        Parameters
        ----------
        indices
            Rows in any order, counted from the end where negative; a slice; or a boolean array (N,).
        size
            (h, w) to shrink to by nearest neighbour, as the paper does (section 3.2); the store's own, if None.

        Raises
        ------
        IndexError
            If there is no such row, or the index is of another shape or type.
        DataError
            If masks are damaged.
        """
        rows = rows_of(indices, len(self), self.path)
        return self.lookup.expand(self.regions(rows, size), self.attributes[rows])

    def regions(self, indices: Rows, size: tuple[int, int] | None = None) -> NDArray[Any]:
        """Return the base regions of a batch, unsigned integers (B, h, w): bit r is region r; as :meth:`masks`."""
        rows = rows_of(indices, len(self), self.path)
        reader = self._regions_reader()
        height, width = size or self.size
        out = np.empty((len(rows), height, width), reader.dtype)
        grid = None if (height, width) == self.size else self._nearest_grid((height, width))
        gathered = None if grid is None or not grid.has_ties else np.empty(len(grid.pixels), reader.dtype)
        for position, row in enumerate(rows.tolist()):
            try:
                if grid is None:
                    reader.read(row, out[position])
                elif gathered is None:
                    reader.read(row, out[position].reshape(-1), grid.pixels)
                else:
                    reader.read(row, gathered, grid.pixels)
                    out[position] = grid.regions(gathered)
            except READ_ERRORS as error:
                raise DataError(f"{self.path}: the masks of {self._name(row)} cannot be read ({error})") from error
        return out

    def _nearest_grid(self, size: tuple[int, int]) -> NearestGrid:
        """Return which pixels a map of size (h, w) takes; the last answer is kept."""
        if self._last_grid is None or self._last_grid.size != size:
            self._last_grid = NearestGrid(self.size, size)
        return self._last_grid

    def _name(self, index: int) -> str:
        """Return the name of a row for messages."""
        try:
            return f"'{self.images[index]}' (row {index})"
        except READ_ERRORS:
            return f"row {index}"

    @cached_property
    def images(self) -> tuple[str, ...]:
        """N file names, relative to the data set's root. Join by these, not by row."""
        names = tuple(name.decode("utf-8", "surrogateescape") for name in self._column("image").tolist())
        outside = next((name for name in names if not is_safe_relative_path(name)), None)
        if outside is not None:
            raise DataError(f"{self.path}: expected names of files below the data set's folder, got '{outside}'")
        return names

    @cached_property
    def attributes(self) -> NDArray[np.int8]:
        """Labels, (N, A): 1 present, 0 absent, -1 unknown."""
        return np.asarray(self._column("attributes"), np.int8)

    @cached_property
    def landmarks(self) -> NDArray[np.float32]:
        """Landmarks in the frame, (N, P, 2), x and y in pixels; nan where no face was found."""
        return np.asarray(self._column("landmarks"), np.float32)

    @cached_property
    def affine(self) -> NDArray[np.float32]:
        """Matrices from source image to frame, (N, 2, 3)."""
        return np.asarray(self._column("affine"), np.float32)

    @cached_property
    def identity(self) -> NDArray[np.int32]:
        """Number of the person, (N,); -1 unknown."""
        return np.asarray(self._column("identity"), np.int32)

    @cached_property
    def split(self) -> NDArray[np.int8]:
        """Split, (N,): 0 train, 1 validation, 2 test."""
        return np.asarray(self._column("split"), np.int8)

    @cached_property
    def status(self) -> NDArray[np.uint8]:
        """Source of the landmarks, (N,): an index into ``status_names``; 0 no face."""
        return np.asarray(self._column("status"), np.uint8)

    @cached_property
    def numbers(self) -> dict[str, NDArray[np.float32]]:
        """Name -> a number of each image, such as an age, (N,); nan unknown."""
        return self._typed_labels()[0]

    @cached_property
    def categories(self) -> dict[str, Categories]:
        """Name -> the category of each image, such as a race: names and codes, (N,); -1 unknown."""
        return self._typed_labels()[1]

    @property
    def category_names(self) -> dict[str, tuple[str, ...]]:
        """Name -> names of its categories, which the codes count."""
        return {name: category.names for name, category in self.categories.items()}

    def _typed_labels(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, Categories]]:
        try:
            numbers, categories = read_numbers(self._file()), read_categories(self._file())
            check_labels(len(self), self.attribute_names, numbers, categories)
        except _DAMAGE as error:  # DataError among them
            raise DataError(f"{self.path}: its labels cannot be read ({reason_of(error)})") from error
        return numbers, categories

    @property
    def has_images(self) -> bool:
        """Whether the crops themselves are in the store (``wsegs masks --with-images``)."""
        return "crops" in self._file()

    @cached_property
    def crop_bytes(self) -> NDArray[np.int64]:
        """Bytes of each stored crop, (N,); 0 if its image could not be read, or the store keeps no crops."""
        return self._stored_crops().lengths if self.has_images else np.zeros(len(self), np.int64)

    @cached_property
    def image_sizes(self) -> NDArray[np.int32]:
        """Width and height of the source images, (N, 2); 0 where an older store does not know them."""
        sizes = np.zeros((len(self), 2), np.int32)
        if "image_size" in self._file():
            stored = self._column("image_size")
            if stored.shape != sizes.shape or stored.dtype.kind not in "iu":
                raise DataError(f"{self.path}: 'image_size' is {stored.dtype} {stored.shape}, expected {sizes.shape}")
            return stored.astype(np.int32)
        if self.frame.kind == "image":  # each image was stretched to the size of the masks
            sizes[:] = np.round(self.size[::-1] / self.affine[:, [0, 1], [0, 1]])
        return sizes

    def image(self, index: int | str, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
        """Return the stored crop of an image, (h, w, 3) uint8 RGB.

        Parameters
        ----------
        index
            Row, or the name of an image.
        size
            (h, w) to resize to; the store's own, if None.

        Raises
        ------
        DataError
            If the store has no crop of it, or a damaged one.
        """
        row = self.row(index) if isinstance(index, str) else row_of(index, len(self), self.path)
        if not self.has_images:
            raise DataError(
                f"{self.path}: expected images inside, got masks alone; wsegs masks --with-images keeps both"
            )
        crops = self._stored_crops()
        try:
            data = crops.read(row)
            if not data:
                raise ValueError("it could not be read when the store was made")
            return decode_crop(data, self.size, size or self.size)
        except ValueError as error:
            raise DataError(f"{self.path}: has no image of {self._name(row)}: {error}") from None

    @property
    def data_root(self) -> Path:
        """The folder of the images when the landmarks were found."""
        return Path(self.provenance.get("data", {}).get("root", "."))

    def close(self) -> None:
        """Close the file; it opens again when it is next needed."""
        if self._handle is not None and self._process == os.getpid():
            self._handle.close()
        self._handle = self._reader = self._crops = None

    def __enter__(self) -> MaskStore:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[MaskStore], tuple[str]]:
        return (MaskStore, (str(self.path),))

    def __repr__(self) -> str:
        return f"MaskStore({str(self.path)!r})"

    def _file(self) -> h5py.File:
        """Return this process's own handle."""
        if self._handle is None or self._process != os.getpid():
            # No chunk cache: rows are asked for in any order, once each, and a part of a chunk is then read alone.
            self._handle = open_hdf5(self.path, rdcc_nbytes=0)
            self._process = os.getpid()
            self._reader = self._crops = None
        return self._handle

    def _regions_reader(self) -> ChunkReader:
        file = self._file()
        if self._reader is None:
            self._reader = ChunkReader(file["regions"])
        return self._reader

    def _stored_crops(self) -> StoredCrops:
        file = self._file()
        if self._crops is None:
            try:
                self._crops = StoredCrops(file)
            except READ_ERRORS as error:  # DataError among them
                raise DataError(f"{self.path}: {error}") from None
        return self._crops

    def _column(self, name: str) -> NDArray[Any]:
        try:
            values: NDArray[Any] = self._file()[name][:]
        except _DAMAGE as error:
            raise DataError(f"{self.path}: '{name}' cannot be read ({reason_of(error)})") from error
        return values

    def _scheme(self, name: str) -> LandmarkScheme:
        """Return the scheme that the file defines; older files only name it."""
        file = self._file()
        try:
            if "scheme" not in file:
                return get_scheme(name)
            return scheme_from_mapping(json.loads(file["scheme"].asstr()[()]), "'scheme'")
        except (ValueError, TypeError, OSError) as error:  # DataError among them
            raise DataError(f"{self.path}: {error}") from None
