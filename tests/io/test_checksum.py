"""A row's checksum depends on everything of that row, and on no other."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from wsegs.io.checksum import glimpse, pixels_checksum, row_checksums


def test_it_is_the_crc32_of_the_parts_one_after_another():
    pixels = np.array([[1, 2], [3, 256]], np.uint16)
    labels, points = np.array([[1, -1]], np.int8), np.array([[[0.5, 2.0]]], np.float32)
    expected = zlib.crc32(
        struct.pack("<4H", 1, 2, 3, 256) + "ä.jpg".encode() + b"\0" + b"\x01\xff" + struct.pack("<2f", 0.5, 2)
    )
    begun = [pixels_checksum(pixels)]
    assert row_checksums(["ä.jpg"], [labels, points], begun).tolist() == [expected]
    big_endian = pixels.astype(">u2"), points.astype(">f4")
    assert row_checksums(["ä.jpg"], [labels, big_endian[1]], [pixels_checksum(big_endian[0])]).tolist() == [expected]


def test_every_part_of_a_row_counts_and_no_other_row_does():
    rng = np.random.default_rng(0)
    names = [f"{i}.jpg" for i in range(5000)]  # more than are taken at a time
    arrays = [
        rng.integers(-1, 2, (5000, 4)).astype(np.int8),
        rng.random((5000, 3, 2)).astype(np.float32),
        np.arange(5000),
    ]
    sums = row_checksums(names, arrays)
    for row in (0, 4095, 4096, 4999):
        for position, array in enumerate(arrays):
            changed = [one.copy() for one in arrays]
            changed[position].reshape(5000, -1)[row, -1] += 1
            assert np.flatnonzero(row_checksums(names, changed) != sums).tolist() == [row], array.dtype
        other = [*names[:row], "x", *names[row + 1 :]]
        assert np.flatnonzero(row_checksums(other, arrays) != sums).tolist() == [row]


def test_no_rows_and_no_columns():
    assert row_checksums([], [np.zeros((0, 3), np.int8)]).shape == (0,)
    assert row_checksums(["a"], [np.zeros((1, 0), np.int8), np.zeros(1, np.int8)]).shape == (1,)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 1000, 1001])
def test_a_glimpse_is_the_size_and_the_middle_of_a_file(tmp_path, size):
    content = bytes(i % 251 for i in range(size))
    (tmp_path / "a").write_bytes(content)
    begin = max(0, (size - 64) // 2)
    assert glimpse(tmp_path / "a") == (size, content[begin : begin + 64])
    with pytest.raises(OSError, match="not a regular file"):
        glimpse(tmp_path)
