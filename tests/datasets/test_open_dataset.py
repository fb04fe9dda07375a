import subprocess
import sys
from pathlib import Path

import pytest

from wsegs.datasets import open_dataset
from wsegs.errors import DataError, MissingError, OptionError


def test_missing_folder(tmp_path):
    with pytest.raises(MissingError, match="no such folder; --data or WSEGS_DATA"):
        open_dataset(tmp_path / "none")


def test_file_instead_of_folder(tmp_path):
    (tmp_path / "data").touch()
    with pytest.raises(DataError, match="expected the folder of a data set, got a file"):
        open_dataset(tmp_path / "data")


def test_no_layout_fits(tmp_path):
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "read.me").touch()
    with pytest.raises(DataError) as caught:
        open_dataset(tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    for part in ("Anno/list_attr_celeba.txt", "lfw_att_40.mat", "labels.csv", "there is Annotations/, read.me"):
        assert part in message


def test_labels_without_images(tmp_path):
    (tmp_path / "labels.csv").write_text("name,Smiling\na.jpg,1\n")
    with pytest.raises(DataError, match=r"expected images \(\.jpg"):
        open_dataset(tmp_path)


def test_images_is_for_celeba(folder):
    with pytest.raises(OptionError, match="--images wild is for CelebA"):
        open_dataset(folder, images="wild")


def test_folder_of_data_sets_is_refused(celeba):
    data = celeba()
    with pytest.raises(DataError, match=r"holds data sets of its own, name one: .*celeba"):
        open_dataset(data.parent)


def test_labels_make_a_plain_folder_of_celeba(celeba, tmp_path):
    data = celeba()
    (tmp_path / "mine.csv").write_text("name,Hat\nImg/img_align_celeba/000002.jpg,1\n")
    dataset = open_dataset(data, labels=tmp_path / "mine.csv")
    assert dataset.name == "folder"
    assert dataset.images == ("Img/img_align_celeba/000002.jpg",)


def test_relative_folder_has_an_absolute_root(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    dataset = open_dataset("faces")
    assert dataset.root == folder
    assert dataset.path(0).is_file()


def test_import_is_cheap():
    code = "import sys, wsegs.datasets; print({'numpy', 'scipy', 'h5py', 'torch', 'cv2'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert result.stdout.strip() == "set()", result.stderr
