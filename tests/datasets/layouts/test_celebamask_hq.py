"""CelebAMask-HQ as it is downloaded: a data set, and human masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.datasets.conftest import write_celeba, write_image
from tests.datasets.tester import DatasetTester
from wsegs.datasets import open_dataset
from wsegs.datasets.parsing import find_parsing, has_mask, mask_file, parsing_size, read_parsing
from wsegs.errors import DataError, MissingError

NAMES = ("0.jpg", "1.jpg", "1999.jpg", "2000.jpg")


def write_part(data: Path, image: int, part: str, box: tuple[slice, slice], mode: str = "RGB") -> None:
    values = np.zeros((12, 16), np.uint8)
    values[box] = 255
    path = data / "CelebAMask-HQ-mask-anno" / str(image // 2000) / f"{image:05}_{part}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(values).convert(mode).save(path)


def write(data: Path) -> None:
    for name in NAMES:
        write_image(data / "CelebA-HQ-img" / name, (24, 32))
    labels = ("1 -1", "-1 1", "1 1", "-1 -1")
    rows = "".join(f"{name}  {row}\n" for name, row in zip(NAMES, labels, strict=True))
    (data / "CelebAMask-HQ-attribute-anno.txt").write_text(f"4\nSmiling Male\n{rows}")
    originals = ("000004.jpg", "000003.jpg", "000001.jpg", "9.jpg")
    mapping = "".join(f"{name[:-4]:<8}7        {of}\n" for name, of in zip(NAMES, originals, strict=True))
    (data / "CelebA-HQ-to-CelebA-mapping.txt").write_text(f"idx\torig_idx\torig_file\n{mapping}")
    for image in (0, 1, 1999, 2000):
        write_part(data, image, "skin", np.s_[2:10, 2:14])
        write_part(data, image, "hair", np.s_[0:3, 2:14], "L")
        write_part(data, image, "cloth", np.s_[11:12, :], "1")


class TestCelebAMaskHq(DatasetTester):
    name = "celebamask-hq"
    extra = "CelebA-HQ-img/77.jpg"

    def write(self, data: Path) -> None:
        write(data)


@pytest.fixture
def data(tmp_path) -> Path:
    write(tmp_path / "hq")
    return tmp_path / "hq"


def test_attributes_and_no_part_mask_among_the_photos(data):
    dataset = open_dataset(data)
    assert dataset.images == NAMES
    assert dataset.attribute_names == ("Smiling", "Male")
    assert dataset.attributes.tolist() == [[1, 0], [0, 1], [1, 1], [0, 0]]
    assert dataset.split.tolist() == [0, 0, 0, 0]
    assert dataset.identity.tolist() == [-1, -1, -1, -1]


@pytest.mark.parametrize("where", ["hq", "celeba", "."])
def test_splits_and_people_are_those_of_celeba(data, where):
    write_celeba(data.parent / where, "torchvision", names=())
    if where == "celeba":
        (data.parent / "celeba/img_align_celeba").mkdir()
    dataset = open_dataset(data)
    assert dataset.split.tolist() == [2, 1, 0, 0]
    assert dataset.identity.tolist() == [2880, 7, 7, -1]
    assert dataset.unmatched == ()
    assert any("list_eval_partition.txt" in note for note in dataset.notes)


def test_part_masks_are_never_photos(data):
    assert open_dataset(data / "CelebA-HQ-img").images == NAMES
    with pytest.raises(DataError, match=r"12 part masks of CelebAMask-HQ, such as .*, which are no photos"):
        open_dataset(data / "CelebAMask-HQ-mask-anno")
    with pytest.raises(DataError, match=r"holds data sets of its own, name one: .*hq"):
        open_dataset(data.parent)


def test_parts_are_merged_as_their_own_script_numbers_them(data):
    expected = np.zeros((12, 16), np.uint16)
    expected[2:10, 2:14] = 1
    expected[0:3, 2:14] = 13  # hair is painted over skin
    expected[11] = 18
    for folder in (data, data / "CelebAMask-HQ-mask-anno"):
        pairs = find_parsing(folder)
        assert [pair.name for pair in pairs] == list(NAMES)
        assert all(pair.image.is_file() for pair in pairs)
        for pair in pairs:
            np.testing.assert_array_equal(read_parsing(pair.mask), expected)
            assert parsing_size(pair.mask) == (12, 16)
        assert mask_file(folder, "2000.jpg").parent.name == "1"
        assert not has_mask(mask_file(folder, "2001.jpg"))
    for path in (data / "CelebAMask-HQ-mask-anno/1").iterdir():  # without the folders of two thousand
        path.rename(path.parents[1] / path.name)
    (data / "CelebAMask-HQ-mask-anno/1").rmdir()
    np.testing.assert_array_equal(read_parsing(mask_file(data, "2000.jpg")), expected)


def test_a_few_images_are_enough(data):
    (data / "CelebA-HQ-img/1.jpg").unlink()
    write_image(data / "CelebA-HQ-img/5.jpg")
    assert [pair.name for pair in find_parsing(data)] == ["0.jpg", "1999.jpg", "2000.jpg"]
    for path in data.rglob("*_*.png"):
        path.unlink()
    with pytest.raises(DataError, match=r"no mask of the 4 images in .*; that of 0.jpg is expected in .*00000_\*.png"):
        find_parsing(data)
    with pytest.raises(MissingError, match="no such folder, where the images of"):
        find_parsing(data, data / "nowhere")


def test_parts_of_another_size_are_refused(data):
    PIL.Image.new("L", (8, 8)).save(data / "CelebAMask-HQ-mask-anno/0/00000_hair.png")
    with pytest.raises(DataError, match=r"00000_hair.png: 8x8, expected 12x16 as 00000_skin.png"):
        read_parsing(mask_file(data, "0.jpg"))


def test_a_mapping_of_another_kind_is_one_line(data):
    (data / "CelebA-HQ-to-CelebA-mapping.txt").write_text("idx orig_idx orig_file\n0 1\n")
    with pytest.raises(DataError, match=r"mapping.txt, line 2: expected idx, orig_idx and orig_file, got '0 1'"):
        open_dataset(data)
