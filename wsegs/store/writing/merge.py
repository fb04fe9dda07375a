"""Join the shards of a store, drawn on several machines, without decoding their chunks.

The result is, byte for byte, the store that one run would have written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError, OptionError
from wsegs.io.files import check_output
from wsegs.io.hdf5 import open_hdf5
from wsegs.io.lock import locks_output
from wsegs.landmarks.label_columns import CATEGORIES, label_columns, read_category_names
from wsegs.store.format import chunk_filters
from wsegs.store.reader import MaskStore
from wsegs.store.stored_crops import StoredCrops
from wsegs.store.writing.write import Block, Column, Contents, write_store

COLUMNS = ("attributes", "landmarks", "affine", "identity", "split", "status", "image_size")
CHUNKED = ("regions", "masks")
_ROWS = 1024  # whose chunks are copied at a time


@dataclass(frozen=True, eq=False)
class _Shard:
    """One open shard."""

    path: Path
    file: h5py.File
    images: tuple[str, ...]
    number: int
    of: int

    @property
    def header(self) -> dict[str, Any]:
        """The attributes of the file that all shards have in common."""
        header = dict(self.file.attrs)
        del header["shard"]
        header["provenance"] = _without_counts(json.loads(header["provenance"]))
        return header


@locks_output()
def merge_shards(paths: Sequence[str | Path], output: str | Path, *, force: bool = False) -> dict[str, Any]:
    """Join all shards of a store.

    Parameters
    ----------
    paths
        The shards, in any order, each once.
    output
        The store; complete or absent.
    force
        Overwrite it.

    Returns
    -------
    A JSON-able summary: output, shards, images, bytes.

    Raises
    ------
    OutputExistsError, MissingError, DataError
        If the output exists, or a file is missing, damaged or no shard.
    OptionError
        If a shard is missing or there twice, or shards are of different rules, frames, attributes, data or versions.
    """
    output = check_output(output, force=force, others=paths)
    with ExitStack() as opened:
        shards = sorted((_open(Path(path), opened) for path in paths), key=lambda shard: shard.number)
        _check(shards)
        contents = _contents(shards)
        try:
            write_store(output, contents, _blocks(shards, tuple(contents.chunked), crops=contents.crops), "merge")
        except RuntimeError as error:  # h5py's, of a chunk that cannot be read
            raise DataError(f"{_paths(shards)}: a shard is damaged ({error})") from error
    return {
        "output": str(output),
        "shards": len(shards),
        "images": len(contents.images),
        "bytes": output.stat().st_size,
    }


def _open(path: Path, opened: ExitStack) -> _Shard:
    with MaskStore(path) as store:  # checks that it is a complete store
        images = store.images
    file = opened.enter_context(open_hdf5(path, rdcc_nbytes=0))
    try:
        number, of = (int(value) for value in json.loads(file.attrs["shard"]))
    except (KeyError, ValueError, TypeError):
        raise DataError(f"{path}: expected a shard, as wsegs masks --shard writes it, got a whole store") from None
    return _Shard(path, file, images, number, of)


def _check(shards: Sequence[_Shard]) -> None:
    """Raise OptionError unless these are all shards of one store."""
    if not shards:
        raise OptionError("expected the shards of a store, got no file")
    first = shards[0]
    for shard in shards[1:]:
        _check_alike(first, shard)
    numbers = [shard.number for shard in shards]
    for one, other in pairwise(shards):
        if one.number == other.number:
            raise OptionError(f"{one.path} and {other.path}: both are shard {one.number} of {one.of}")
    missing = sorted(set(range(1, first.of + 1)) - set(numbers))
    if missing:
        listed = ", ".join(map(str, missing[:10])) + (", ..." if len(missing) > 10 else "")
        raise OptionError(f"expected {first.of} shards, got {len(shards)}; missing: {listed} of {first.of}")
    owner: dict[str, Path] = {}
    for shard in shards:
        for name in shard.images:
            if owner.setdefault(name, shard.path) != shard.path:
                raise OptionError(f"{shard.path}: the image {name} is in {owner[name]}, too")


def _check_alike(one: _Shard, other: _Shard) -> None:
    if one.of != other.of:
        raise OptionError(f"{other.path}: expected one of {one.of} shards as {one.path} is, got one of {other.of}")
    old, new = one.header, other.header
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            raise OptionError(f"{other.path}: expected the same '{key}' as in {one.path}, got another")
    if ("crops" in other.file) != ("crops" in one.file):
        raise OptionError(f"{other.path}: expected images inside where {one.path} has them, and none where it has none")
    if _category_names(one.file) != _category_names(other.file):
        raise OptionError(f"{other.path}: expected the same categories as in {one.path}, got others")
    for name in (*CHUNKED, *COLUMNS, *label_columns(one.file), *label_columns(other.file), "checksum"):
        if _layout(one.file, name) != _layout(other.file, name):
            raise OptionError(f"{other.path}: expected '{name}' to be stored as in {one.path}; draw that shard anew")
    if other.file["scheme"][()] != one.file["scheme"][()]:
        raise OptionError(f"{other.path}: expected the same landmark scheme as in {one.path}, got another")


def _category_names(file: h5py.File) -> dict[str, tuple[str, ...]]:
    """Return the names of each label's categories."""
    labels = [name.removeprefix(f"{CATEGORIES}/") for name in label_columns(file) if name.startswith(f"{CATEGORIES}/")]
    return {label: read_category_names(file, label) for label in labels}


def _layout(file: h5py.File, name: str) -> Any:
    """Return how the rows of a dataset are stored; None if there is none."""
    if name not in file:
        return None
    dataset = file[name]
    filters = (dataset.chunks, dataset.compression, dataset.compression_opts, dataset.shuffle)
    return dataset.dtype, dataset.shape[1:], filters if name in CHUNKED else ()


def _contents(shards: Sequence[_Shard]) -> Contents:
    first = shards[0]
    filters = chunk_filters()
    chunked = {}
    for name in CHUNKED:
        if name not in first.file:
            continue
        dataset = first.file[name]
        if (dataset.compression_opts, dataset.shuffle) != (filters["compression_opts"], filters["shuffle"]):
            raise OptionError(f"{first.path}: its '{name}' is compressed as by another version; draw the shards anew")
        chunked[name] = (dataset.shape[1:], dataset.dtype)
    columns = {
        name: Column(first.file[name].dtype, first.file[name].shape[1:], _Rows(shards, name))
        for name in (*COLUMNS, *label_columns(first.file))
        if name in first.file  # sizes of images are there where the images are
    }
    header = dict(first.file.attrs)
    del header["shard"]
    header["provenance"] = json.dumps(_with_sum(shards))
    images = tuple(name for shard in shards for name in shard.images)
    scheme = first.file["scheme"].asstr()[()]
    crops = "crops" in first.file
    return Contents(images, columns, chunked, scheme, lambda: header, crops, _category_names(first.file))


@dataclass(frozen=True)
class _Rows:
    """The rows of a dataset across all shards."""

    shards: Sequence[_Shard]
    name: str

    def __call__(self, rows: slice) -> NDArray[Any]:
        """Return a slice of the rows."""
        parts, begin = [], 0
        for shard in self.shards:
            dataset = shard.file[self.name]
            first, last = max(rows.start - begin, 0), min(rows.stop - begin, len(dataset))
            if first < last:
                parts.append(dataset[first:last])
            begin += len(dataset)
        return np.concatenate(parts)


def _blocks(shards: Sequence[_Shard], names: Sequence[str], *, crops: bool) -> Iterator[Block]:
    """Yield some rows after the other: compressed chunks, as they are, and images if ``crops``."""
    for shard in shards:
        images = _Images(shard) if crops else None
        for start in range(0, len(shard.images), _ROWS):
            rows = range(start, min(start + _ROWS, len(shard.images)))
            chunks = {name: [_chunk(shard.file[name], row) for row in rows] for name in names}
            if images is not None:
                chunks["crops"] = [images.read(row) for row in rows]
            yield Block(chunks, shard.file["checksum"][rows.start : rows.stop])


class _Images:
    """The images of a shard, checked."""

    def __init__(self, shard: _Shard) -> None:
        self._shard = shard
        try:
            self._crops = StoredCrops(shard.file)
        except DataError as error:
            raise DataError(f"{shard.path}: {error}") from None

    def read(self, row: int) -> bytes:
        try:
            return self._crops.read(row)
        except ValueError as error:
            raise DataError(f"{self._shard.path}: the image '{self._shard.images[row]}': {error}") from None


def _chunk(dataset: h5py.Dataset, row: int) -> bytes:
    mask, chunk = dataset.id.read_direct_chunk((row,) + (0,) * (dataset.ndim - 1))
    if mask:
        raise RuntimeError(f"row {row} of {dataset.name} is not compressed")
    return bytes(chunk)


def _without_counts(provenance: dict[str, Any]) -> dict[str, Any]:
    """Return a provenance without the one entry in which shards may differ."""
    refined = provenance.get("refined")
    return {**provenance, "refined": {**refined, "unrefined_faces": 0}} if refined else provenance


def _with_sum(shards: Sequence[_Shard]) -> Mapping[str, Any]:
    """Return the provenance of the whole: that of any shard, with the counts of all added up."""
    provenances = [json.loads(shard.file.attrs["provenance"]) for shard in shards]
    provenance: dict[str, Any] = provenances[0]
    if "refined" in provenance:
        provenance["refined"]["unrefined_faces"] = sum(each["refined"]["unrefined_faces"] for each in provenances)
    return provenance


def _paths(shards: Sequence[_Shard]) -> str:
    return ", ".join(str(shard.path) for shard in shards[:3]) + (", ..." if len(shards) > 3 else "")
