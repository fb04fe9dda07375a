"""Stores that keep their images."""

from __future__ import annotations

import itertools
import shutil

import cv2
import h5py
import numpy as np
import pytest
import skimage.data
from PIL import Image

from wsegs.errors import DataError, OptionError
from wsegs.geometry.frame import Frame
from wsegs.geometry.warp import warp_image
from wsegs.io.images import read_image
from wsegs.io.integrity import write_digests
from wsegs.io.journal import Journal
from wsegs.rules import load_rules
from wsegs.store import MaskStore
from wsegs.store.stored_crops import decode_crop
from wsegs.store.summary import describe_store
from wsegs.store.writing.build import build_store
from wsegs.store.writing.encode_crops import CropOptions, encode_crop
from wsegs.store.writing.merge import merge_shards

FRAME = Frame("image", (218, 178))


@pytest.fixture
def photos(table, tmp_path):
    """The astronaut as each of the table's images: a JPEG, but for the second, a PNG by another name."""
    face = skimage.data.astronaut()[20:238, 136:314]
    for row, name in enumerate(table.images):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.roll(face, row, axis=1)).save(path, "PNG" if row == 1 else "JPEG", quality=80)
    return tmp_path / "photos"


def _build(table, photos, path, frame=FRAME, quality=95, **options):
    images = CropOptions(photos, quality)
    return build_store(table, load_rules("celeba"), frame, path, images=images, **{"jobs": 1, **options})


def test_a_jpeg_in_the_frame_is_copied_and_others_are_encoded_once(table, photos, tmp_path):
    summary = _build(table, photos, tmp_path / "masks.h5")
    assert summary["unreadable"] == []
    files = [(photos / name).read_bytes() for name in table.images]
    with h5py.File(tmp_path / "masks.h5") as file:  # as a reader without wsegs does
        offsets = file["crop_offsets"][:].astype(int)
        kept = [file["crops"][start:end].tobytes() for start, end in itertools.pairwise(offsets)]
    assert [kept[row] == files[row] for row in range(7)] == [row != 1 for row in range(7)]
    store = MaskStore(tmp_path / "masks.h5")
    assert store.has_images
    np.testing.assert_array_equal(store.crop_bytes, [len(crop) for crop in kept])
    np.testing.assert_array_equal(store.image_sizes, table.image_size)
    for row in (0, 6, -1):
        np.testing.assert_array_equal(store.image(row), read_image(photos / table.images[row]))
    difference = store.image(1).astype(int) - read_image(photos / table.images[1])
    assert 0 < np.abs(difference).mean() < 3
    assert describe_store(store)["crops"] == {"images": 7, "bytes": sum(map(len, kept))}


@pytest.mark.slow
@pytest.mark.parametrize("frame", [Frame("image", (128, 112)), Frame("face", (218, 178), align_eyes=True)])
def test_crops_lie_in_the_frame(table, photos, tmp_path, frame):
    _build(table, photos, tmp_path / "masks.h5", frame)
    store = MaskStore(tmp_path / "masks.h5")
    for row in (0, 1, len(store) - 1):
        expected = warp_image(read_image(photos / store.images[row]), store.affine[row], store.size)
        assert store.image(row).shape == (*frame.size, 3)
        assert np.abs(store.image(row).astype(int) - expected).mean() < 2


@pytest.mark.slow
def test_quality_is_what_was_asked_for(table, photos, tmp_path):
    frame = Frame("face", (109, 89))
    sizes = []
    for quality in (30, 95):
        _build(table, photos, tmp_path / f"{quality}.h5", frame, quality)
        sizes.append(int(MaskStore(tmp_path / f"{quality}.h5").crop_bytes.sum()))
    assert sizes[0] * 2 < sizes[1]


def test_images_that_cannot_be_read_are_named_and_the_masks_stay(table, photos, tmp_path):
    (photos / table.images[2]).write_bytes((photos / table.images[2]).read_bytes()[:2000])
    (photos / table.images[5]).unlink()
    summary = _build(table, photos, tmp_path / "masks.h5")
    assert summary["unreadable"] == [
        "folder/face 2.jpg: truncated JPEG",
        "folder/face 5.jpg: No such file or directory",
    ]
    store = MaskStore(tmp_path / "masks.h5")
    assert np.flatnonzero(store.crop_bytes == 0).tolist() == [2, 5]
    assert store.masks([2]).any()
    with pytest.raises(DataError, match=r"has no image of 'folder/face 2.jpg' \(row 2\): it could not be read when"):
        store.image(2)
    with pytest.raises(IndexError, match="row 7 of 7"):
        store.image(7)


def test_another_image_of_that_name_is_refused(table, photos, tmp_path):
    Image.new("RGB", (100, 90)).save(photos / table.images[3])
    with pytest.raises(DataError, match=r"face 3.jpg: 100x90 pixels, expected 178x218 by its landmarks"):
        _build(table, photos, tmp_path / "masks.h5")
    assert not (tmp_path / "masks.h5").exists()


def test_no_image_at_all_leaves_no_store(table, photos, tmp_path):
    shutil.rmtree(photos / "folder")
    with pytest.raises(DataError, match=r"photos: no image could be read, so there is none to keep"):
        _build(table, photos, tmp_path / "masks.h5")
    assert not (tmp_path / "masks.h5").exists()


@pytest.mark.slow
def test_any_number_of_processes_gives_the_same_bytes(table, photos, tmp_path, monkeypatch):
    monkeypatch.setattr("wsegs.store.writing.dispatch._REFINED_ROWS", 3)
    for jobs in (1, 2):
        _build(table, photos, tmp_path / f"{jobs}.h5", Frame("image", (109, 89)), jobs=jobs)
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "2.h5").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("block", [1 << 18, 4096])
def test_shards_and_an_interrupted_run_give_the_same_bytes(table, photos, tmp_path, monkeypatch, block):
    monkeypatch.setattr("wsegs.store.stored_crops._BLOCK", block)
    monkeypatch.setattr("wsegs.store.writing.dispatch._REFINED_ROWS", 2)
    (photos / table.images[1]).write_bytes(b"")
    summary = _build(table, photos, tmp_path / "whole.h5")
    whole = (tmp_path / "whole.h5").read_bytes()
    shards = [tmp_path / f"{number}.h5" for number in (1, 2, 3)]
    for number, path in enumerate(shards, 1):
        _build(table, photos, path, shard=(number, 3))
    merge_shards(shards, tmp_path / "merged.h5")
    assert (tmp_path / "merged.h5").read_bytes() == whole

    write, written = Journal.write, []

    def interrupted(self, values):
        write(self, values)
        written.append(values)
        if len(written) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _build(table, photos, tmp_path / "again.h5")
    shutil.copy(photos / table.images[0], photos / table.images[1])  # what was done is kept, and named
    assert _build(table, photos, tmp_path / "again.h5") == {**summary, "output": str(tmp_path / "again.h5")}
    assert (tmp_path / "again.h5").read_bytes() == whole


@pytest.mark.slow
def test_shards_with_and_without_images_are_not_merged(table, photos, tmp_path):
    _build(table, photos, tmp_path / "1.h5", shard=(1, 2))
    build_store(table, load_rules("celeba"), FRAME, tmp_path / "2.h5", shard=(2, 2), jobs=1)
    with pytest.raises(OptionError, match=r"2.h5: expected images inside where .*1.h5 has them"):
        merge_shards([tmp_path / "1.h5", tmp_path / "2.h5"], tmp_path / "merged.h5")
    _build(table, photos, tmp_path / "2.h5", shard=(2, 2), force=True)
    with h5py.File(tmp_path / "2.h5", "r+") as file:
        file["crops"][7] ^= 1
    with pytest.raises(DataError, match=r"2.h5: the image 'folder/face 3.jpg': its bytes are not"):
        merge_shards([tmp_path / "1.h5", tmp_path / "2.h5"], tmp_path / "merged.h5")
    assert not (tmp_path / "merged.h5").exists()


def test_a_flipped_byte_is_found(table, photos, tmp_path):
    _build(table, photos, tmp_path / "masks.h5")
    with h5py.File(tmp_path / "masks.h5", "r+") as file:
        middle = int(file["crop_offsets"][:2].mean())
        file["crops"][middle] ^= 1
    store = MaskStore(tmp_path / "masks.h5")
    with pytest.raises(DataError, match=r"masks.h5: has no image of 'folder/face 0.jpg' \(row 0\): its bytes are not"):
        store.image(0)
    store.image(1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("crop_offsets", lambda values: values[:-1], "'crop_offsets' has 7 rows, expected 8"),
        ("crop_offsets", lambda values: values[::-1], "'crop_offsets' are not those of 'crops'"),
        ("crop_offsets", lambda values: values + 1, "'crop_offsets' are not those of 'crops'"),
        ("crop_crc32", lambda values: None, "has 'crops' and no 'crop_crc32'"),
        ("image_size", lambda values: values[:3], "'image_size' has 3 rows, expected 7"),
    ],
)
def test_damaged_offsets_are_one_line(table, photos, tmp_path, name, change, message):
    _build(table, photos, tmp_path / "masks.h5")
    with h5py.File(tmp_path / "masks.h5", "r+") as file:
        values = change(file[name][:])
        del file[name]
        if values is not None:
            file[name] = values
    write_digests(tmp_path / "masks.h5")
    with pytest.raises(DataError, match=f"masks.h5: {message}"):
        MaskStore(tmp_path / "masks.h5").image(0)


def test_a_store_without_images_says_how_to_make_one(store):
    assert not store.has_images
    assert not store.crop_bytes.any()
    with pytest.raises(DataError, match="--with-images keeps both"):
        store.image(0)


@pytest.mark.parametrize("size", [(218, 178), (109, 89), (55, 45), (50, 40), (96, 76), (160, 130), (300, 240)])
def test_a_crop_is_reduced_as_the_whole_picture_would_be(size):
    face = skimage.data.astronaut()[20:238, 136:314]
    data = encode_crop(b"", face, np.eye(2, 3), (218, 178))
    whole = decode_crop(data, (218, 178), (218, 178))
    assert np.abs(whole.astype(int) - face).mean() < 2
    method = cv2.INTER_AREA if size[0] <= 218 else cv2.INTER_LINEAR
    expected = cv2.resize(whole, size[::-1], interpolation=method)
    assert np.abs(decode_crop(data, (218, 178), size).astype(int) - expected).mean() < 1.5
    with pytest.raises(ValueError, match="expected a JPEG of 200x178, got another size"):
        decode_crop(data, (200, 178), size)
    with pytest.raises(ValueError, match="got none"):
        decode_crop(b"\xff\xd8\xff", (218, 178), size)
