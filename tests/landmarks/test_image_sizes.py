"""The same name may be another picture."""

from __future__ import annotations

import re

import numpy as np
import PIL.Image
import pytest

from wsegs.errors import DataError
from wsegs.landmarks.image_sizes import check_image_sizes, check_size


@pytest.fixture
def folder(tmp_path):
    for number in range(5):
        PIL.Image.new("L", (30, 20 if number < 3 else 40)).save(tmp_path / f"{number}.png")
    (tmp_path / "4.png").write_bytes(b"no image")
    return tmp_path


NAMES = tuple(f"{number}.png" for number in range(6))


def test_images_of_another_size_are_counted_and_the_first_is_named(folder):
    sizes = np.tile([30, 20], (6, 1))
    with pytest.raises(DataError, match=re.escape("3.png: 30x40 pixels, expected 30x20 by m.h5 (1 of 6 images are")):
        check_image_sizes(folder, NAMES, sizes, "m.h5")
    sizes[0] = 15, 10
    with pytest.raises(DataError, match=re.escape("0.png: 30x20 pixels, expected 15x10 by m.h5 (2 of 6 images are")):
        check_image_sizes(folder, NAMES, sizes, "m.h5")


@pytest.mark.parametrize(("expected", "words"), [((15, 10), "exactly 2 times"), ((60, 40), "exactly 1/2 as large")])
def test_an_exact_multiple_may_be_scaled_on_request(folder, expected, words):
    with pytest.raises(DataError, match=rf"{words}.*--update LANDMARKS --import-scale file"):
        check_image_sizes(folder, NAMES[:3], np.tile(expected, (3, 1)), "m.h5")
    for other in ((15, 20), (20, 13), (45, 30)):
        with pytest.raises(DataError, match="give the images that it was made from"):
            check_image_sizes(folder, NAMES[:3], np.tile(other, (3, 1)), "m.h5")
    with pytest.raises(DataError, match="give the images that it was made from"):  # not all by the same
        check_image_sizes(folder, NAMES[:3], np.array([[15, 10], [10, 5], [15, 10]]), "m.h5")
    with pytest.raises(DataError, match="another size\\); do this"):
        check_image_sizes(folder, NAMES[:3], np.tile(expected, (3, 1)), "m.h5", "do this")


def test_unknown_sizes_and_images_that_cannot_be_read_pass(folder):
    sizes = np.tile([30, 20], (6, 1))
    sizes[3] = 0
    check_image_sizes(folder, NAMES, sizes, "m.h5")
    check_image_sizes(folder, (), np.zeros((0, 2), int), "m.h5")
    check_size(folder / "0.png", (30, 20), (0, 0), "m.h5")


def test_an_image_that_exif_turns_is_compared_as_it_is_seen(tmp_path):
    exif = PIL.Image.Exif()
    exif[274] = 6
    PIL.Image.new("L", (30, 20)).save(tmp_path / "a.jpg", exif=exif)
    check_image_sizes(tmp_path, ["a.jpg"], np.array([[20, 30]]), "m.h5")
    with pytest.raises(DataError, match="20x30 pixels, expected 30x20"):
        check_image_sizes(tmp_path, ["a.jpg"], np.array([[30, 20]]), "m.h5")
