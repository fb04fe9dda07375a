"""HDF5 files: with locks and without, read while they are written anew."""

from __future__ import annotations

import ast
import fcntl
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import wsegs
from wsegs.io.hdf5 import LOCKING_VARIABLE, create_hdf5, open_hdf5

READ = "import sys; from wsegs.cli.main import main; sys.argv[0] = 'wsegs'; main()"


def _write(path: Path, number: int) -> None:
    with create_hdf5(path) as file:
        file["number"] = np.full(1000, number)


def test_locking_is_off_by_an_option(tmp_path, monkeypatch):
    """A lock that is held stands for a drive that refuses locks: HDF5 says the same of both."""
    _write(tmp_path / "a.h5", 1)
    monkeypatch.delenv(LOCKING_VARIABLE, raising=False)
    with (tmp_path / "a.h5").open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(OSError, match=r"unable to lock file.*wsegs --no-hdf5-locking reads it anyway"):
            open_hdf5(tmp_path / "a.h5")
        monkeypatch.setenv(LOCKING_VARIABLE, "FALSE")
        with open_hdf5(tmp_path / "a.h5") as file:
            assert file["number"][0] == 1


@pytest.mark.slow
def test_the_command_line_reads_a_store_without_locks(tmp_path, truth_folder):
    """Through the console script's own entry, in a new process."""
    from wsegs.geometry.frame import image_frame
    from wsegs.landmarks.table import read_landmarks
    from wsegs.rules import load_rules
    from wsegs.store.writing.build import build_store

    table, path = read_landmarks(truth_folder / "landmarks.h5"), tmp_path / "masks.h5"
    build_store(table, load_rules("celeba"), image_frame(table.image_size), path, jobs=1)
    with path.open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for options, code in (([], 1), (["--no-hdf5-locking"], 0)):
            done = subprocess.run(
                [sys.executable, "-c", READ, *options, "store", "info", str(path)], capture_output=True, text=True
            )
            assert done.returncode == code, done.stderr
            assert "Traceback" not in done.stderr
    assert "4 images" in done.stdout


def test_readers_see_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "a.h5"
    _write(path, 0)
    opened = h5py.File(path, "r")
    with create_hdf5(path) as file:
        file["number"] = np.full(1000, 1)
        file.flush()
        with open_hdf5(path) as other:
            assert (other["number"][:] == 0).all()
    with open_hdf5(path) as other:
        assert (other["number"][:] == 1).all()
    assert (opened["number"][:] == 0).all()  # opened before
    opened.close()


def test_a_reader_in_another_process_never_sees_half_a_file(tmp_path):
    path = tmp_path / "a.h5"
    _write(path, 0)
    reader = (
        "import sys; from wsegs.io.hdf5 import open_hdf5; seen = []\n"
        "while not seen or seen[-1] < 60:\n"
        "    with open_hdf5(sys.argv[1]) as file: (number,) = set(file['number'][:].tolist())\n"
        "    assert not seen or number >= seen[-1]; seen.append(number)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", reader, str(path)], stderr=subprocess.PIPE, text=True)
    for number in range(1, 61):
        _write(path, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


@pytest.mark.slow
def test_hdf5_files_are_opened_in_one_place():
    package = Path(wsegs.__file__).parent
    for path in package.rglob("*.py"):
        if path.name == "hdf5.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in ("h5py.File", "File"), f"{path}:{node.lineno}"
