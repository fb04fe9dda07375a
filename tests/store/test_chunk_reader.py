"""The fast reader of chunks against h5py."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wsegs.store.chunk_reader import READ_ERRORS, ChunkReader

SHAPE = (3, 11, 7)
GZIP = {"compression": "gzip", "compression_opts": 5}
LAYOUTS = {
    "gzip": {"chunks": (1, 11, 7), **GZIP},
    "shuffle and gzip": {"chunks": (1, 11, 7), "shuffle": True, **GZIP},
    "no filter": {"chunks": (1, 11, 7)},
    "another filter": {"chunks": (1, 11, 7), "compression": "lzf"},
    "a checksum": {"chunks": (1, 11, 7), "fletcher32": True, **GZIP},
    "two rows a chunk": {"chunks": (2, 11, 7), **GZIP},
    "a part of a row a chunk": {"chunks": (1, 4, 7), **GZIP},
    "no chunks": {},
}


def _write(path, values: NDArray, **layout) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("regions", data=values, **layout)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64", ">u2"])
def test_every_layout_reads_as_h5py_reads_it(tmp_path, layout, dtype):
    values = np.random.default_rng(0).integers(0, 200, SHAPE).astype(dtype) * (1 if dtype == "uint8" else 300)
    _write(tmp_path / "a.h5", values, **LAYOUTS[layout])
    pick = np.array([[0, 76, 5], [40, 40, 8]])
    with h5py.File(tmp_path / "a.h5") as file:
        reader = ChunkReader(file["regions"])
        for row in (2, 0, -2):
            whole, some = np.empty(SHAPE[1:], reader.dtype), np.empty((2, 3), reader.dtype)
            reader.read(row, whole)
            reader.read(row, some, pick)
            np.testing.assert_array_equal(whole, file["regions"][row])
            np.testing.assert_array_equal(some, file["regions"][row].reshape(-1)[pick])


@given(values=st.data(), shuffle=st.booleans(), size=st.tuples(st.integers(1, 9), st.integers(1, 9)))
@settings(max_examples=30, deadline=None)
def test_any_values_survive(tmp_path_factory, values, shuffle, size):
    pixels = values.draw(st.lists(st.integers(0, 2**32 - 1), min_size=size[0] * size[1], max_size=size[0] * size[1]))
    array = np.array(pixels, np.uint32).reshape(1, *size)
    path = tmp_path_factory.mktemp("chunk") / "a.h5"
    _write(path, array, chunks=(1, *size), shuffle=shuffle, **GZIP)
    with h5py.File(path) as file:
        out = np.empty(size, np.uint32)
        ChunkReader(file["regions"]).read(0, out)
    np.testing.assert_array_equal(out, array[0])


def test_a_chunk_that_was_not_written_or_kept_without_its_filter(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("regions", SHAPE, np.uint16, chunks=(1, 11, 7), fillvalue=7, **GZIP)
        plain = np.arange(77, dtype=np.uint16)
        dataset.id.write_direct_chunk((1, 0, 0), plain.tobytes(), filter_mask=1)
    with h5py.File(tmp_path / "a.h5") as file:
        reader, out = ChunkReader(file["regions"]), np.empty(SHAPE[1:], np.uint16)
        reader.read(0, out)
        assert (out == 7).all()
        reader.read(1, out)
        np.testing.assert_array_equal(out.reshape(-1), plain)


def test_a_virtual_dataset(tmp_path):
    values = np.random.default_rng(1).integers(0, 2**16, SHAPE, np.uint16)
    _write(tmp_path / "part.h5", values, **LAYOUTS["gzip"])
    layout = h5py.VirtualLayout(SHAPE, np.uint16)
    layout[:] = h5py.VirtualSource(tmp_path / "part.h5", "regions", SHAPE)
    with h5py.File(tmp_path / "whole.h5", "w") as file:
        file.create_virtual_dataset("regions", layout)
    with h5py.File(tmp_path / "whole.h5") as file:
        out = np.empty(SHAPE[1:], np.uint16)
        ChunkReader(file["regions"]).read(2, out)
    np.testing.assert_array_equal(out, values[2])


@pytest.mark.parametrize(
    "damaged", [b"x", b"\x78\x9c\x03\x00", np.zeros(10_000_000, np.uint8)], ids=["byte", "cut", "large"]
)
def test_a_damaged_chunk_is_an_error_and_takes_no_memory(tmp_path, damaged):
    import zlib

    chunk = damaged if isinstance(damaged, bytes) else zlib.compress(damaged.tobytes())
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("regions", SHAPE, np.uint16, chunks=(1, 11, 7), **GZIP)
        dataset.id.write_direct_chunk((0, 0, 0), chunk)
    with h5py.File(tmp_path / "a.h5") as file, pytest.raises(READ_ERRORS):
        ChunkReader(file["regions"]).read(0, np.empty(SHAPE[1:], np.uint16))


def test_rows_that_are_not_there(tmp_path):
    _write(tmp_path / "a.h5", np.zeros(SHAPE, np.uint16), **LAYOUTS["gzip"])
    with h5py.File(tmp_path / "a.h5") as file:
        for row in (3, -4):
            with pytest.raises(IndexError, match="there are 3 rows"):
                ChunkReader(file["regions"]).read(row, np.empty(SHAPE[1:], np.uint16))
