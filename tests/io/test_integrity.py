"""The digests find every flipped byte, and HDF5 readers skip them."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from wsegs.io.hdf5 import create_hdf5
from wsegs.io.integrity import USER_BLOCK, check_digest


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "written.h5"
    with create_hdf5(path) as file:
        file["numbers"] = np.arange(10)
        file.create_dataset("names", data=["a", "b"], dtype=h5py.string_dtype())
        file.attrs["long"] = "text" * 20_000
    return path


def test_plain_h5py_opens_the_file(written):
    assert check_digest(written) == "whole"
    assert written.read_bytes().startswith(b"wsegs sealed file, sha256 of what follows: ")
    with h5py.File(written, "r") as file:
        assert file["numbers"][:].tolist() == list(range(10))


def test_a_file_without_digests_is_no_broken_one(tmp_path):
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file["numbers"] = np.arange(10)
    assert check_digest(tmp_path / "old.h5") == "none"


@pytest.mark.slow
def test_every_flipped_bit_is_found(written):
    whole = written.read_bytes()
    rng = np.random.default_rng(0)
    places = [*range(USER_BLOCK + 48), *rng.integers(0, len(whole), 300).tolist(), len(whole) - 1]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        written.write_bytes(damaged)
        assert check_digest(written) == "broken", f"byte {place}"


@pytest.mark.parametrize("length", [0, 1, 511, 512, 513, -1])
def test_a_cut_or_longer_file_is_found(written, length):
    whole = written.read_bytes()
    written.write_bytes(whole[:length])
    assert check_digest(written) == "broken"
    written.write_bytes(whole + b"\0")
    assert check_digest(written) == "broken"


def test_nothing_is_left_when_writing_fails(tmp_path):
    with pytest.raises(RuntimeError), create_hdf5(tmp_path / "a.h5"):
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_files_are_written_with_checksums_in_their_structures(written):
    assert written.read_bytes()[USER_BLOCK : USER_BLOCK + 9] == b"\x89HDF\r\n\x1a\n\x03"  # superblock 3: HDF5 1.10
