"""Verification finds every flipped byte, names the image, and what a store does not agree with."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from wsegs.errors import DataError, MissingError, WsegsError
from wsegs.geometry.frame import Frame
from wsegs.io.images import read_image
from wsegs.io.integrity import USER_BLOCK, write_digests
from wsegs.io.processes.subprocess_call import call_in_subprocess
from wsegs.landmarks.table import LandmarkTable, read_landmarks, write_landmarks
from wsegs.rules import compile_rules, load_rules
from wsegs.schemes import IBUG68
from wsegs.store import MaskStore
from wsegs.store.verify import verify_file
from wsegs.store.writing.build import build_store

RULES = """version: 1
scheme: ibug68
regions:
  mouth: {polygon: [48..59]}
  eyes: [{polygon: [36..41]}, {polygon: [42..47]}]
attributes: {Smiling: mouth, Narrow_Eyes: eyes}
"""
NAMES = ("a.png", "b.png", "folder/c.png", "d.png")


@pytest.fixture(scope="module")
def made(tmp_path_factory, astronaut_landmarks) -> Path:
    """A folder with four images, their landmarks, and two mask stores, one with dense masks."""
    folder = tmp_path_factory.mktemp("made")
    points = np.stack([astronaut_landmarks / 8 + shift for shift in (0, 1, 2, np.nan)]).astype(np.float32)
    table = LandmarkTable(
        scheme=IBUG68,
        images=NAMES,
        landmarks=points,
        status=np.array([1, 1, 2, 0], np.uint8),
        status_names=("none", "dlib", "mtcnn"),
        faces=np.ones(4, np.int16),
        boxes=np.full((4, 4), np.nan, np.float32),
        image_size=np.array([[64, 64]] * 4, np.int32),
        attribute_names=("Narrow_Eyes", "Smiling"),
        attributes=np.array([[1, 0], [1, 1], [-1, 1], [0, 0]], np.int8),
        identity=np.arange(4, dtype=np.int32),
        split=np.array([0, 0, 1, 2], np.int8),
        provenance={"data": {"name": "folder", "root": str(folder / "images")}},
    )
    write_landmarks(folder / "landmarks.h5", table)
    for layout in ("regions", "dense"):
        rules = compile_rules(RULES, "rules.yaml")
        build_store(table, rules, Frame("image", (64, 64)), folder / f"{layout}.h5", layout=layout, jobs=1)
    for name in NAMES:
        (folder / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64)).save(folder / "images" / name)
    return folder


@pytest.fixture
def store(made, tmp_path) -> Path:
    path = tmp_path / "masks.h5"
    path.write_bytes((made / "dense.h5").read_bytes())
    return path


def _change(path: Path, change) -> None:
    """Change a file as a program would, and write new digests: what is left to find is what the change broke."""
    with h5py.File(path, "r+") as file:
        change(file)
    write_digests(path)


def test_nothing_is_wrong_with_what_was_written(made):
    for name in ("regions.h5", "dense.h5"):
        found = verify_file(
            made / name,
            rules=compile_rules(RULES, "rules.yaml"),
            landmarks=made / "landmarks.h5",
            data=made / "images",
            redraw=None,
        )
        assert found.lines == []
        assert found.checked["sha256"] == "whole"
        assert (found.checked["checksums"], found.checked["redrawn"]) == (4, 4)
    found = verify_file(made / "landmarks.h5", data=made / "images")
    assert (found.kind, found.lines, found.checked["checksums"]) == ("landmark table", [], 4)


@pytest.mark.slow
@settings(deadline=None, max_examples=int(os.environ.get("WSEGS_FUZZ_CASES", "5")))
@given(data=st.data())
def test_every_flipped_byte_is_found(made, tmp_path_factory, data):
    whole = (made / data.draw(st.sampled_from(["regions.h5", "dense.h5", "landmarks.h5"]))).read_bytes()
    damaged = bytearray(whole)
    place = data.draw(st.integers(0, len(whole) - 1))
    damaged[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("flipped") / "f.h5"
    path.write_bytes(damaged)
    assert any("its sha256 differs" in line for line in verify_file(path).lines)


def _offset(path: Path, name: str, row: int) -> int:
    """Return where the bytes of a row begin in the file."""
    with h5py.File(path, "r") as file:
        dataset = file[name]
        if dataset.chunks is None:
            return dataset.id.get_offset() + row * dataset.id.get_storage_size() // len(dataset)
        _, content = dataset.id.read_direct_chunk((row, *[0] * (dataset.ndim - 1)))
    return path.read_bytes().index(content)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "column"), [("masks.h5", "attributes"), ("masks.h5", "status"), ("landmarks.h5", "landmarks")]
)
def test_a_flipped_byte_of_a_row_is_placed(store, made, tmp_path, name, column):
    path = tmp_path / name
    if path != store:
        path.write_bytes((made / name).read_bytes())
    content = bytearray(path.read_bytes())
    # The columns of a store are compressed, many rows at a time; those of a landmark table lie open.
    content[_offset(path, column, 0 if path == store else 2) + (9 if path == store else 0)] ^= 4
    path.write_bytes(content)
    expected = f"'{column}' of rows 0 to " if path == store else "folder/c.png: its data do not have the checksum"
    lines = [line for line in verify_file(path).lines if "sha256" not in line]
    assert len(lines) == 1
    assert lines[0].startswith(expected)
    with pytest.raises(DataError, match="sha256 differs"):
        (MaskStore if path == store else read_landmarks)(path)


@pytest.mark.parametrize("name", ["regions", "masks"])
def test_a_flipped_byte_of_the_pixels_names_their_image(store, name):
    content = bytearray(store.read_bytes())
    content[_offset(store, name, 1) + 9] ^= 1
    store.write_bytes(content)
    lines = [line for line in verify_file(store, redraw=0).lines if "sha256" not in line]
    assert len(lines) == 1
    assert lines[0].startswith("b.png: its ")
    assert "cannot be decoded" in lines[0] or "not those of its regions" in lines[0]
    if name == "regions":
        with pytest.raises(DataError, match=r"masks\.h5: the masks of 'b\.png' \(row 1\) cannot be read"):
            MaskStore(store).regions([1])


def _astray(content: bytes) -> bytes:
    """Give an object of a heap of texts a wrong size, which libhdf5 2.0 reads for ever; found by fuzzing."""
    damaged, heap = bytearray(content), content.index(b"GCOL")
    damaged[heap + 16 : heap + 32] = bytes([1, 0, 1]) + bytes(5) + (2**64 - 16).to_bytes(8, "little")
    return bytes(damaged)


@pytest.mark.slow
@pytest.mark.parametrize("digests", [True, False])
@pytest.mark.parametrize(("name", "reader"), [("dense.h5", MaskStore), ("landmarks.h5", read_landmarks)])
def test_what_leads_libhdf5_astray_is_refused(made, tmp_path, monkeypatch, name, reader, digests):
    path = tmp_path / name
    path.write_bytes(_astray((made / name).read_bytes())[0 if digests else USER_BLOCK :])
    real = call_in_subprocess
    for module in ("wsegs.store.verify", "wsegs.io.hdf5"):
        monkeypatch.setattr(f"{module}.call_in_subprocess", lambda *names, seconds: real(*names, seconds=2))
    with pytest.raises(DataError, match=str(path)):
        reader(path)
    lines = verify_file(path).lines
    assert lines
    if name == "landmarks.h5":  # a store's names do not lie in that heap
        assert any("cannot be said" in line or "cannot be read" in line for line in lines)


def test_a_change_with_new_digests_is_found_by_the_checksums(store):
    _change(store, lambda file: file["attributes"].__setitem__((1, 0), -1))
    assert verify_file(store, redraw=0).lines == [
        "b.png: its masks are not those of its regions and labels",
        "b.png: its data do not have the checksum that they were written with",
    ]


def test_regions_that_the_rules_do_not_draw(store):
    def change(file):
        regions = file["regions"][0]
        regions[0, :3] |= 2
        file["regions"][0] = regions
        del file["checksum"], file["masks"]

    _change(store, change)
    assert verify_file(store).lines == [
        "a.png: its regions are not what the rules draw from its landmarks (eyes: 3 pixels)"
    ]
    assert verify_file(store, redraw=0).lines == []
    refined = '{"refined": {"regions": ["eyes"]}}'
    _change(store, lambda file: file.attrs.__setitem__("provenance", refined))
    assert verify_file(store).lines == []  # refined by pixels, so the rules alone do not say


def test_other_rules(store):
    (line,) = verify_file(store, rules=load_rules("celeba")).lines
    assert line.startswith("it was drawn by other rules than celeba: sha256 ")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"landmarks": 1}, "b.png: its landmarks are others than in"),
        ({"attributes": 0}, "b.png: its labels are others than in"),
        ({"identity": 9}, "b.png: its identity is another than in"),
        ({"split": 2}, "b.png: its split is another than in"),
        ({"status": 2}, "b.png: its landmarks were found by another detector than in"),
        ({"image_size": 128}, "b.png: its frame lies elsewhere than in"),
        ({"images": "x.png"}, "b.png: is not in"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_other_landmarks(made, tmp_path, change, expected):
    table = read_landmarks(made / "landmarks.h5")
    ((field, value),) = change.items()
    if field == "images":
        table = replace(table, images=(table.images[0], value, *table.images[2:]))
    else:
        array = getattr(table, field).copy()
        array[1] = array[1] + 1 if field == "landmarks" else value
        table = replace(table, **{field: array})
    write_landmarks(tmp_path / "other.h5", table)
    lines = verify_file(made / "regions.h5", landmarks=tmp_path / "other.h5").lines
    assert lines[0].startswith(expected)
    assert all(line.startswith(("b.png", "x.png")) for line in lines)


def test_other_images(made, tmp_path):
    for name in ("a.png", "folder/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (64, 64)).save(tmp_path / name)
    Image.new("RGB", (64, 65)).save(tmp_path / "b.png")
    lines = verify_file(made / "regions.h5", landmarks=made / "landmarks.h5", data=tmp_path).lines
    assert lines == [
        f"b.png: is 64x65 in {tmp_path}, expected 64x64 as when its landmarks were found",
        f"d.png: is not in {tmp_path}",
    ]
    assert verify_file(made / "landmarks.h5", data=tmp_path).lines == lines


@pytest.mark.parametrize("orientation", [3, 6])
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_an_image_that_exif_turns_has_the_size_of_its_pixels(made, tmp_path, orientation, suffix):
    """Its header says 40x30; landmarks are found in its pixels, which ``read_image`` turns if OpenCV does."""
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (40, 30)).save(path, exif=exif)
    size = read_image(path).shape[1::-1]
    assert size == ((30, 40) if (suffix, orientation) == ("jpg", 6) else size)
    table = read_landmarks(made / "landmarks.h5")
    one = replace(table.select([0]), images=(path.name,), image_size=np.array([size], np.int32))
    write_landmarks(tmp_path / "l.h5", one)
    assert verify_file(tmp_path / "l.h5", data=tmp_path).lines == []
    write_landmarks(tmp_path / "l.h5", replace(one, image_size=np.array([[31, 41]], np.int32)), force=True)
    assert verify_file(tmp_path / "l.h5", data=tmp_path).lines == [
        f"a.{suffix}: is {size[0]}x{size[1]} in {tmp_path}, expected 31x41 as when its landmarks were found"
    ]


@pytest.mark.parametrize("name", ["my-wsegs-landmarks-1", "wsegs mask store"])
def test_a_folder_named_like_a_format_does_not_decide_what_a_file_is(made, tmp_path, name):
    table = read_landmarks(made / "landmarks.h5")
    table = replace(table, provenance={"data": {"name": name, "root": f"/data/{name}"}, name: name})
    write_landmarks(tmp_path / "l.h5", table)
    build_store(table, compile_rules(RULES, name), Frame("image", (64, 64)), tmp_path / "m.h5", jobs=1)
    for file, kind in (("l.h5", "landmark table"), ("m.h5", "mask store")):
        found = verify_file(tmp_path / file)
        assert (found.kind, found.lines) == (kind, [])


def test_values_that_the_format_does_not_know(store):
    def change(file):
        del file["checksum"], file["masks"]
        file["attributes"][0, 0] = 7
        file["split"][1] = 3
        file["status"][2] = 9
        file["status"][3] = 1
        file["image"][1] = "a.png"

    _change(store, change)
    assert verify_file(store, redraw=0).lines == [
        "a.png: labels are not 1, 0 or -1",
        "a.png: its split is not 0, 1 or 2",
        "folder/c.png: its status has no name",
        "d.png: its status and its landmarks disagree on whether it has a face",
        "a.png: is there 2 times",
    ]


@pytest.mark.slow
def test_older_files_have_neither_digests_nor_checksums(made, tmp_path):
    for name, reader in (("dense.h5", MaskStore), ("landmarks.h5", read_landmarks)):
        path = tmp_path / name
        path.write_bytes((made / name).read_bytes()[USER_BLOCK:])
        with h5py.File(path, "r+") as file:
            del file["checksum"]
        found = verify_file(path)
        assert (found.lines, found.checked["sha256"], found.checked["checksums"]) == ([], "none", "none")
        reader(path)


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a\n", bytes(10_000)])
def test_another_file_is_a_finding(tmp_path, content):
    (tmp_path / "f.h5").write_bytes(content)
    assert verify_file(tmp_path / "f.h5").lines


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(MissingError, match=r"f\.h5: no such file"):
        verify_file(tmp_path / "f.h5")
    with pytest.raises(WsegsError, match="got a directory"):
        verify_file(tmp_path)


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/passwd", "a/../../b.jpg", "C:\\a.jpg", "", "."])
def test_names_that_leave_the_folder_of_the_images_are_refused(store, name):

    def rename(file):
        names = file["image"].asstr()[:].tolist()
        del file["image"]
        file["image"] = [name, *names[1:]]

    _change(store, rename)
    with pytest.raises(
        DataError, match=r"masks\.h5: expected names of files below the data set's folder, got "
    ) as caught:
        _ = MaskStore(store).images
    assert str(caught.value).endswith(f"'{name}'")
    assert any(line.startswith("expected names of files below") for line in verify_file(store).lines)
