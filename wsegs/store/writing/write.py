"""Write a mask store: columns, compressed chunks and header to one HDF5 file.

The contents alone decide the bytes of the file: objects are created in a fixed order, chunks are written in the order
of the rows, and no time is stored. A store drawn in one go, one resumed and one merged from shards are the same file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from wsegs.io.hdf5 import create_hdf5
from wsegs.landmarks.label_columns import write_category_names
from wsegs.store.format import ROWS_A_CHUNK, chunk_filters, encode_chunk
from wsegs.store.stored_crops import CropWriter

_LONGEST_NAME = 256  # bytes; a longer one would make every row of the column as long


@dataclass(frozen=True)
class Column:
    """A dataset with one value a row, which readers read whole.

    Attributes
    ----------
    dtype
        Type of its elements.
    shape
        Shape of one row's value.
    rows
        Return the values of a slice of rows, (n, *shape).
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    rows: Callable[[slice], NDArray[Any]]


@dataclass(frozen=True)
class Contents:
    """All of a store but its chunks and checksums.

    Attributes
    ----------
    images
        The names of its N rows.
    columns
        Name -> column of N rows.
    chunked
        Name -> shape of a row and dtype of each dataset that is written as compressed chunks, one a row.
    scheme
        The definition of the landmark scheme, JSON.
    header
        Return the attributes of the file; called when all blocks are written, since some count what was drawn.
    crops
        Whether the blocks have ``crops``, a JPEG file a row.
    category_names
        Label -> names of its categories, whose codes are the column ``categories/LABEL``.
    """

    images: tuple[str, ...]
    columns: Mapping[str, Column]
    chunked: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]
    scheme: str
    header: Callable[[], Mapping[str, Any]]
    crops: bool = False
    category_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Block:
    """Some consecutive rows.

    Attributes
    ----------
    chunks
        Name of a dataset -> its chunks, one a row, as :func:`wsegs.store.format.encode_chunk` made them; ``crops`` ->
        JPEG files.
    checksums
        uint32 (n,), one a row (:mod:`wsegs.io.checksum`).
    """

    chunks: Mapping[str, Sequence[bytes]]
    checksums: NDArray[np.uint32]


def array_column(values: NDArray[Any]) -> Column:
    """Return the column of an array (N, ...)."""
    return Column(values.dtype, values.shape[1:], lambda rows: values[rows])


def write_store(path: Path, contents: Contents, blocks: Iterable[Block], task: str) -> None:
    """Write a store; the file is complete or absent.

    Parameters
    ----------
    path
        The file.
    contents
        All but the chunks and checksums.
    blocks
        All rows, in order, some at a time.
    task
        Label of the progress bar.
    """
    count = len(contents.images)
    with create_hdf5(path) as file:
        for name, column in contents.columns.items():
            _write_column(file, name, count, column)
        write_category_names(file, contents.category_names)
        _write_names(file, "image", contents.images)
        file.create_dataset("scheme", data=contents.scheme, dtype=h5py.string_dtype(), track_times=False)
        datasets, corners = {}, []
        for name, (shape, dtype) in contents.chunked.items():
            datasets[name] = file.create_dataset(
                name, (count, *shape), dtype, chunks=(1, *shape), **chunk_filters(), track_times=False
            ).id
            corners.append((0,) * len(shape))
        crops = CropWriter(file, count) if contents.crops else None
        row = 0
        checksums = []
        with tqdm(total=count, unit="face", desc=task, disable=None) as bar:
            for block in blocks:
                checksums.append(block.checksums)
                # Row by row: the file must not depend on the size of the blocks.
                names = [*datasets] if crops is None else [*datasets, "crops"]
                for chunks in zip(*(block.chunks[name] for name in names), strict=True):
                    for dataset, corner, chunk in zip(datasets.values(), corners, chunks, strict=False):
                        file.write_chunk(dataset, (row, *corner), chunk)
                    if crops is not None:
                        crops.add(chunks[-1])
                    row += 1
                bar.update(row - bar.n)
                file.check()
        assert row == count, f"{row} rows of chunks for {count} rows"
        if crops is not None:
            crops.finish()
        file.create_dataset("checksum", data=np.concatenate(checksums), track_times=False)
        for name, value in sorted(contents.header().items()):
            file.attrs[name] = value


def _write_column(file: h5py.File, name: str, count: int, column: Column) -> None:
    """Write a column, a chunk of rows at a time."""
    if not count or 0 in column.shape:
        file.create_dataset(name, (count, *column.shape), column.dtype, track_times=False)
        return
    step = min(ROWS_A_CHUNK, count)
    shuffle = column.dtype.itemsize > 1
    dataset = file.create_dataset(
        name,
        (count, *column.shape),
        column.dtype,
        chunks=(step, *column.shape),
        **chunk_filters(shuffle=shuffle),
        track_times=False,
    ).id
    rest = (0,) * len(column.shape)
    for start in range(0, count, step):
        values = column.rows(slice(start, min(start + step, count)))
        chunk = np.zeros((step, *column.shape), column.dtype)  # HDF5 keeps the last chunk whole, too
        chunk[: len(values)] = values
        dataset.write_direct_chunk((start, *rest), encode_chunk(chunk, shuffle=shuffle))


def _write_names(file: h5py.File, name: str, names: Sequence[str]) -> None:
    """Write a column of texts."""
    longest = max(1, max((len(_encoded(text)) for text in names), default=1))
    if longest > _LONGEST_NAME:
        encoded = [_encoded(text) for text in names]
        file.create_dataset(name, data=encoded, dtype=h5py.string_dtype(), track_times=False)
        return
    dtype = h5py.string_dtype(length=longest)
    column = Column(dtype, (), lambda rows: np.array([_encoded(text) for text in names[rows]], dtype))
    _write_column(file, name, len(names), column)


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
