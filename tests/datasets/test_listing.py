import os

import PIL.Image
import pytest

from wsegs.datasets import listing as listing_module
from wsegs.datasets.listing import IMAGE_SUFFIXES, describe_others, first_file, list_images, scan_folder
from wsegs.errors import DataError, MissingError
from wsegs.io.images import read_image


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


def test_what_is_passed_over_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(listing_module, "find_spec", lambda name: None)  # no pillow-heif
    for name in (
        "a.pgm",
        "b.JPE",
        "c.jfif",
        "@eaDir/a.pgm/SYNOFILE_THUMB_M.jpg",
        "sub/@eaDir/b.jpg",
        "__MACOSX/._a.jpg",
        ".thumbnails/t.jpg",
        "._a.jpg",
        ".DS_Store",
        "00000_hair.png",
        "0/00001_u_lip.png",
        "raw.CR2",
        "phone.heic",
        "table.xlsx",
        "notes.md",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    listing = scan_folder(tmp_path)
    assert listing.images == ["a.pgm", "b.JPE", "c.jfif"]
    assert listing.notes() == (
        "passed over: 1 folder '.thumbnails' (thumbnails, hidden or the system's)",
        "passed over: 2 folders '@eaDir' (thumbnails, hidden or the system's)",
        "passed over: 1 folder '__MACOSX' (thumbnails, hidden or the system's)",
        "passed over: 1 hidden image, '._a.jpg'",
        "passed over: 2 part masks of CelebAMask-HQ, such as '0/00001_u_lip.png', which are no photos",
    )
    assert describe_others(listing.others) == (
        "passed over: 1 .md file, 'notes.md'",
        "passed over: 1 .heic file, 'phone.heic': with pillow-heif (pip install) they are read",
        "passed over: 1 .cr2 file, 'raw.CR2': not read; save them as JPEG or PNG",
        "passed over: 1 .xlsx file, 'table.xlsx': labels in it are read if it is saved as CSV",
    )


@pytest.mark.parametrize("installed", [True, False])
def test_heic_is_an_image_where_its_library_is_there(tmp_path, monkeypatch, installed):
    monkeypatch.setattr(listing_module, "find_spec", lambda name: object() if installed else None)
    for name in ("a.HEIC", "b.heif", "c.jpg"):
        (tmp_path / name).touch()
    found = scan_folder(tmp_path)
    assert found.images == (["a.HEIC", "b.heif", "c.jpg"] if installed else ["c.jpg"])
    assert (
        "passed over: 1 .heic file, 'a.HEIC': with pillow-heif (pip install) they are read"
        in describe_others(found.others)
    ) == (not installed)


def test_files_in_another_case_are_found_where_none_is_spelled_so(tmp_path):
    (tmp_path / "ANNO").mkdir()
    (tmp_path / "ANNO/List.TXT").touch()
    assert first_file(tmp_path, ("Anno/other.txt", "Anno/list.txt")) == tmp_path / "ANNO/List.TXT"
    (tmp_path / "list.txt").touch()
    assert first_file(tmp_path, ("Anno/list.txt", "list.txt")) == tmp_path / "list.txt"
    assert first_file(tmp_path, ("none.txt",)) is None


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_every_suffix_that_is_listed_can_be_read(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    kind = "BMP" if suffix == ".dib" else None
    PIL.Image.new("RGB", (16, 20), (255, 255, 255)).convert("1" if suffix == ".pbm" else "RGB").save(path, kind)
    assert list_images(tmp_path) == [path.name]
    assert read_image(path).shape == (20, 16, 3)
