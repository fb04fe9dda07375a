from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from wsegs.datasets import open_dataset
from wsegs.datasets.join.names import ImageNames, what_is_apart
from wsegs.errors import DataError

ZOE = unicodedata.normalize("NFC", "Zoë")


def _found(names, images, folder=""):
    table = ImageNames(images, folder)
    return [[images[row] for row in table.find(name).images] for name in names]


@pytest.mark.parametrize(
    ("name", "image", "apart"),
    [
        ("1.jpg", "000001.jpg", "leading zeros"),
        ("1", "000001.jpg", "leading zeros"),
        ("1.0", "000001.jpg", "leading zeros"),
        ("a/007_1.jpg", "a/7_0001.jpg", "leading zeros"),
        ("DSC0.JPG", "DSC0.jpg", "upper and lower case"),
        ("a.jpeg", "a.jpg", ".jpg and .jpeg"),
        ("dsc1.JPEG", "DSC1.jpg", ".jpg and .jpeg, upper and lower case"),
        (unicodedata.normalize("NFD", ZOE) + ".png", ZOE + ".png", "composed and decomposed accents"),
        (unicodedata.normalize("NFD", ZOE).upper(), ZOE, "upper and lower case, composed and decomposed accents"),
        (" a.jpg ", "a.jpg", "blanks at the ends"),
        ("b\\a.jpg", "b/a.jpg", "folders written with \\"),
        ("./b//a.jpg", "b/a.jpg", ""),
        ("a", "a.tiff", ""),
        ("/home/me/faces/b/a.jpg", "b/a.jpg", ""),
        ("D:\\faces\\b\\a.jpg", "b/a.jpg", "folders written with \\"),
        ("b", "deep/folder/b.jpg", ""),
        ("folder/b", "deep/folder/b.jpg", ""),
    ],
)
def test_a_name_of_another_form_is_understood_and_what_is_apart_is_said(name, image, apart):
    assert _found([name], [image, "other/c.jpg", "12.jpg"]) == [[image]]
    assert what_is_apart(name, image) == apart


@pytest.mark.parametrize("name", ["../" * 100_000 + "a.jpg", "a.png", "x/a.jpg", "aa.jpg", "10", "", " ", "/", ".jpg"])
def test_other_names_fit_nothing(name):
    assert _found([name], ["b/a.jpg", "1.jpg", "100.jpg"]) == [[]]


def test_the_very_name_wins_then_the_same_folder_then_the_longest_end():
    images = ["1.jpg", "01.jpg", "b/1.jpg", "c/b/1.jpg"]
    assert _found(["1.jpg", "001.jpg", "b/01.jpg", "x/c/b/01", "B/1"], images) == [
        ["1.jpg"],
        ["1.jpg", "01.jpg"],
        ["b/1.jpg"],
        ["c/b/1.jpg"],
        ["b/1.jpg"],
    ]


def test_an_absolute_name_below_the_folder(tmp_path):
    images = ["1.jpg", "a/1.jpg"]
    names = [f"{tmp_path}/1.jpg", f"{tmp_path}/a/1.jpg", f" {tmp_path}//a/./01"]
    assert _found(names, images, str(tmp_path)) == [["1.jpg"], ["a/1.jpg"], ["a/1.jpg"]]


def _labels(image_file, folder, images, names):
    for image in images:
        image_file(folder / image)
    rows = "".join(f"{name},{row % 2}\n" for row, name in enumerate(names))
    (folder / "labels.csv").write_text(f"file,Smiling\n{rows}")
    return open_dataset(folder)


def test_labels_join_names_of_another_form_and_say_so_once(image_file, tmp_path):
    images = ["000001.jpg", "000002.jpg", "Zoë.jpg", "d/100004.JPG"]
    dataset = _labels(image_file, tmp_path, images, ["1.jpg", "02.jpg", unicodedata.normalize("NFD", "Zoë"), "100004"])
    assert dataset.images == tuple(images)
    np.testing.assert_array_equal(dataset.attributes[:, 0], [0, 1, 0, 1])
    assert dataset.unmatched == ()
    assert dataset.notes == (
        f"{tmp_path / 'labels.csv'}: 3 of 4 images are named otherwise: '1.jpg' is taken for '000001.jpg'"
        " (leading zeros apart)",
    )


def test_plain_names_need_no_word(image_file, tmp_path):
    names = [" a.jpg", f"{tmp_path}/b.jpg", "./c/d.jpg", "c\\e.jpg"]
    dataset = _labels(image_file, tmp_path, ["a.jpg", "b.jpg", "c/d.jpg", "c/e.jpg"], names)
    assert dataset.images == ("a.jpg", "b.jpg", "c/d.jpg", "c/e.jpg")
    assert dataset.notes == ()


def test_a_row_that_fits_several_images_or_an_image_of_several_rows_is_refused(image_file, tmp_path):
    with pytest.raises(DataError, match=r"labels\.csv: '01\.jpg' is no image, and fits several: '0001\.jpg' \(leading"):
        _labels(image_file, tmp_path, ["001.jpg", "0001.jpg", "b.jpg"], ["01.jpg", "b.jpg"])
    (tmp_path / "0001.jpg").unlink()
    with pytest.raises(DataError, match=r"'1\.jpg' and '01\.jpg' both fit '001\.jpg' and no other image"):
        _labels(image_file, tmp_path, ["001.jpg", "b.jpg"], ["1.jpg", "01.jpg", "b.jpg"])


def test_a_row_of_another_form_never_takes_the_image_of_an_exact_one(image_file, tmp_path):
    dataset = _labels(image_file, tmp_path, ["1.jpg", "c.jpg"], ["1.jpg", "01.jpg"])
    assert dataset.images == ("1.jpg",)
    assert [entry.name for entry in dataset.unmatched] == ["01.jpg", "c.jpg"]


def test_the_other_tables_of_celeba_join_alike(celeba):
    data = celeba()
    path = data / "Anno/identity_CelebA.txt"
    expected = open_dataset(data).identity
    path.write_text(path.read_text().replace("00000", ""))
    dataset = open_dataset(data)
    np.testing.assert_array_equal(dataset.identity, expected)
    assert len(dataset.notes) == 1
    assert "4 of 4 images are named otherwise: '1.jpg' is taken for '000001.jpg'" in dataset.notes[0]
