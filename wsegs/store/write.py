"""Writing a store: columns, compressed chunks and a header to one HDF5 file.

The bytes of the file follow from what is given alone: chunks are written in the order of the rows, and nothing in the
file is a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wsegs.store.format import ROWS_A_CHUNK, chunk_filters, encode_chunk

_LONGEST_NAME = 256  # bytes; a longer one would make every row of the column as long


@dataclass(frozen=True)
class Column:
    """A dataset of a value a row that readers read whole.

    Attributes
    ----------
    dtype
        Of its elements.
    shape
        Of one row's value.
    rows
        From a slice of rows to their values, (n, *shape).
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    rows: Callable[[slice], NDArray[Any]]


def array_column(values: NDArray[Any]) -> Column:
    """Return the column of an array (N, ...)."""
    return Column(values.dtype, values.shape[1:], lambda rows: values[rows])


def create_chunked(file: h5py.File, name: str, rows: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> h5py.Dataset:
    """Create a dataset of ``rows`` chunks, each one row as :func:`wsegs.store.format.encode_chunk` makes it."""
    return file.create_dataset(
        name, (rows, *shape), dtype, chunks=(1, *shape), **chunk_filters(), track_times=False, fillvalue=None
    )


def write_chunks(file: h5py.File, first: int, chunks: Mapping[str, Sequence[bytes]]) -> None:
    """Write the chunks of consecutive rows, from row ``first`` on, into datasets of :func:`create_chunked`."""
    for name, encoded in chunks.items():
        dataset = file[name].id
        rest = (0,) * (dataset.rank - 1)
        for row, chunk in enumerate(encoded, first):
            dataset.write_direct_chunk((row, *rest), chunk)


def write_columns(file: h5py.File, count: int, columns: Mapping[str, Column]) -> None:
    """Write columns of ``count`` rows, a few rows at a time."""
    for name, column in columns.items():
        if not count or 0 in column.shape:
            file.create_dataset(name, (count, *column.shape), column.dtype, track_times=False)
            continue
        step = min(ROWS_A_CHUNK, count)
        shuffle = column.dtype.itemsize > 1
        dataset = file.create_dataset(
            name,
            (count, *column.shape),
            column.dtype,
            chunks=(step, *column.shape),
            **chunk_filters(shuffle=shuffle),
            track_times=False,
        )
        for start in range(0, count, step):
            values = column.rows(slice(start, min(start + step, count)))
            chunk = np.zeros((step, *column.shape), column.dtype)  # HDF5 stores the last chunk whole, too
            chunk[: len(values)] = values
            dataset.id.write_direct_chunk((start,) + (0,) * len(column.shape), encode_chunk(chunk, shuffle=shuffle))


def write_names(file: h5py.File, name: str, names: Iterable[str]) -> None:
    """Write a column of texts."""
    encoded = [text.encode("utf-8", "surrogateescape") for text in names]
    longest = max([1, *map(len, encoded)])
    if longest > _LONGEST_NAME:
        file.create_dataset(name, data=encoded, dtype=h5py.string_dtype(), track_times=False)
        return
    texts = np.array(encoded, h5py.string_dtype(length=longest))
    write_columns(file, len(texts), {name: array_column(texts)})
