"""Folders of human masks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from wsegs.datasets.parsing import find_parsing, parsing_size, read_parsing
from wsegs.errors import DataError, MissingError, WsegsError

CLASSES = np.arange(12, dtype=np.uint8).reshape(3, 4)


def _write_mask(path: Path, values: np.ndarray = CLASSES, mode: str = "L") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = PIL.Image.fromarray(values)
    if mode == "P":
        picture = picture.copy()
        picture.putpalette([(7 * value) % 256 for value in range(768)])
    picture.save(path)
    return path


@pytest.fixture
def truth(tmp_path, image_file) -> Path:
    """Two images, one of them deeper, with their masks."""
    for name in ("b.jpg", "deep/a.png"):
        image_file(tmp_path / "images" / name)
        _write_mask((tmp_path / "masks" / name).with_suffix(".png"))
    return tmp_path


def test_finds_masks_by_name(truth):
    files = find_parsing(truth)
    assert [file.name for file in files] == ["b.jpg", "deep/a.png"]
    assert [file.image for file in files] == [truth / "images/b.jpg", truth / "images/deep/a.png"]
    assert [file.mask for file in files] == [truth / "masks/b.png", truth / "masks/deep/a.png"]
    assert find_parsing(truth / "masks", truth / "images") == files


def test_two_folders_may_hold_more_images_than_masks(truth, image_file):
    image_file(truth / "images/c.jpg")
    assert [file.name for file in find_parsing(truth / "masks", truth / "images")] == ["b.jpg", "deep/a.png"]
    with pytest.raises(MissingError, match=r"images/c\.jpg: expected its mask in .*masks/c\.png$"):
        find_parsing(truth)
    image_file(truth / "images/d.jpg")
    with pytest.raises(MissingError, match=r"masks/c\.png \(2 such files\)"):
        find_parsing(truth)


def test_folders_that_do_not_fit(truth, image_file):
    with pytest.raises(MissingError, match=r"nowhere: no such folder; with --images, --parsing-masks names"):
        find_parsing(truth / "nowhere")
    with pytest.raises(MissingError, match=r"expected a folder with images/ and masks/ in it"):
        find_parsing(truth / "images")
    with pytest.raises(MissingError, match=r"nowhere: no such folder"):
        find_parsing(truth / "masks", truth / "nowhere")
    image_file(truth / "images/b.png")
    with pytest.raises(DataError, match=r"images: expected one file of each name, got b\.jpg and b\.png"):
        find_parsing(truth)
    (truth / "images/b.png").unlink()
    _write_mask(truth / "masks/e.png")
    with pytest.raises(MissingError, match=r"masks/e\.png: expected its image in .*images/e\.jpg"):
        find_parsing(truth)
    (truth / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: expected masks as PNG files, got none"):
        find_parsing(truth / "empty", truth / "images")


@pytest.mark.parametrize("mode", ["L", "P"])
def test_values_are_class_numbers_whatever_their_colour(tmp_path, mode):
    path = _write_mask(tmp_path / "a.png", mode=mode)
    mask = read_parsing(path)
    assert mask.dtype == np.uint16
    np.testing.assert_array_equal(mask, CLASSES)
    assert parsing_size(path) == (3, 4)


def test_sixteen_bits(tmp_path):
    values = CLASSES.astype(np.uint16) * 5000
    cv2.imwrite(str(tmp_path / "a.png"), values)
    np.testing.assert_array_equal(read_parsing(tmp_path / "a.png"), values)


def test_palettes_of_few_bits(tmp_path):
    picture = PIL.Image.fromarray(CLASSES % 4)
    picture = picture.copy()
    picture.putpalette([0] * 12)
    picture.save(tmp_path / "a.png", bits=2)
    np.testing.assert_array_equal(read_parsing(tmp_path / "a.png"), CLASSES % 4)


def test_masks_that_are_none(tmp_path):
    for name, picture, words in (
        ("rgb", PIL.Image.new("RGB", (4, 4)), "got RGB colours"),
        ("rgba", PIL.Image.new("RGBA", (4, 4)), "got RGB colours with alpha"),
        ("grey-alpha", PIL.Image.new("LA", (4, 4)), "got grey with alpha"),
        ("bit", PIL.Image.new("1", (4, 4)), "got grey of 1 bit"),
    ):
        picture.save(tmp_path / f"{name}.png")
        with pytest.raises(DataError, match=rf"{name}\.png: expected a class number a pixel, .*{words}$"):
            read_parsing(tmp_path / f"{name}.png")
    PIL.Image.new("L", (4, 4)).save(tmp_path / "jpeg.png", format="JPEG")
    (tmp_path / "empty.png").touch()
    whole = _write_mask(
        tmp_path / "whole.png", np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    ).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    for name, words in (
        ("jpeg", "expected a PNG file of class numbers"),
        ("empty", "expected a PNG file of class numbers"),
        ("cut", "not a PNG that can be read whole"),
        ("nowhere", "cannot be read: No such file"),
    ):
        with pytest.raises(WsegsError, match=words) as caught:
            read_parsing(tmp_path / f"{name}.png")
        assert "\n" not in str(caught.value)


def test_a_mask_of_too_many_pixels_is_refused_by_its_header(tmp_path):
    path = _write_mask(tmp_path / "a.png")
    data = bytearray(path.read_bytes())
    data[16:24] = (10_000).to_bytes(4, "big") * 2
    path.write_bytes(data)
    with pytest.raises(DataError, match="10000x10000, more than 80 million pixels"):
        read_parsing(path)
