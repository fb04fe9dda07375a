"""``wsegs store verify``."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def masks(run, truth_folder, tmp_path):
    path = tmp_path / "masks.h5"
    assert run("masks", truth_folder / "landmarks.h5", "--rules", "attparsenet-2020", "-o", path, "-j", 1).code == 0
    return path


def test_a_store_that_is_whole(run, masks, truth_folder):
    agrees = (
        "--rules",
        "attparsenet-2020",
        "--landmarks",
        truth_folder / "landmarks.h5",
        "--data",
        truth_folder / "images",
    )
    done = run("store", "verify", masks, *agrees, "--recheck", -1)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(
        f"{masks}: a mask store, nothing wrong (sha256: whole, checksums: 4, rules: attparsenet-2020"
    )
    assert run("store", "verify", truth_folder / "landmarks.h5").out.startswith(
        f"{truth_folder / 'landmarks.h5'}: a landmark table, nothing wrong (sha256: whole, checksums: 4"
    )


@pytest.mark.slow
def test_what_is_wrong_is_a_line_and_the_exit_code(run, masks):
    done = run("store", "verify", masks, "--rules", "celeba")
    assert done.code == 1
    assert done.out.splitlines()[0].startswith(f"{masks}: it was drawn by other rules than celeba: sha256")
    content = bytearray(masks.read_bytes())
    content[-1] ^= 1
    masks.write_bytes(content)
    done = run("store", "verify", masks, "--json")
    assert done.code == 1
    found = json.loads(done.out)
    assert found["kind"] == "mask store"
    assert found["findings"][0] == "its sha256 differs: a byte was changed, added or lost since the file was written"


def test_many_findings_are_counted(run, masks, tmp_path, monkeypatch):
    monkeypatch.setattr("wsegs.cli.store.verify._MOST_LINES", 2)
    (tmp_path / "other").mkdir()
    done = run("store", "verify", masks, "--data", tmp_path / "other")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"Error: {tmp_path / 'other'}: no data set")
    (tmp_path / "other" / "other.png").touch()
    done = run("store", "verify", masks, "--data", tmp_path / "other")
    assert done.code == 1
    lines = done.out.splitlines()
    assert [line.split(": ")[1] for line in lines[:2]] == ["a.png", "b.png"]
    assert lines[2] == f"{masks}: and 2 more; --json lists all"


def test_a_missing_file(run, tmp_path):
    done = run("store", "verify", tmp_path / "none.h5")
    assert (done.code, done.err) == (1, f"Error: {tmp_path / 'none.h5'}: no such file\n")
