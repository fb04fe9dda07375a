import os

import pytest

from wsegs.datasets.listing import list_images
from wsegs.errors import DataError, MissingError


def test_what_is_an_image(tmp_path):
    for name in (
        "a.JPG",
        "b.tiff",
        "c.webp",
        "d.bmp",
        "e.txt",
        ".f.jpg",
        "jpg",
        "sub/g.jpeg",
        ".hidden/h.jpg",
        "i.jpg/j.png",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list_images(tmp_path) == ["a.JPG", "b.tiff", "c.webp", "d.bmp", "i.jpg", "i.jpg/j.png", "sub/g.jpeg"]


def test_links(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "sub").mkdir(parents=True)
    outside.mkdir()
    (root / "sub/a.jpg").touch()
    (outside / "b.jpg").touch()
    (root / "loop").symlink_to(root)
    (root / "sub/up").symlink_to("..")
    (root / "a_link").symlink_to("sub")  # sorts before the real folder, which gives the name all the same
    (root / "out1").symlink_to(outside)
    (root / "out2").symlink_to(outside)
    (root / "c.jpg").symlink_to(outside / "b.jpg")
    (root / "broken.jpg").symlink_to("nowhere")
    (root / "circle.jpg").symlink_to("circle.jpg")
    assert list_images(root) == ["broken.jpg", "c.jpg", "circle.jpg", "out1/b.jpg", "sub/a.jpg"]


def test_missing_and_file(tmp_path):
    with pytest.raises(MissingError, match="no such folder"):
        list_images(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be listed"):
        list_images(tmp_path / "file")


def test_a_name_that_is_not_utf8_is_a_name(tmp_path):
    name = os.fsdecode(b"caf\xe9.jpg")
    try:
        (tmp_path / name).touch()
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    assert list_images(tmp_path) == [name]
