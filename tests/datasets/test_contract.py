"""Every layout does what :class:`tests.datasets.tester.DatasetTester` asks."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from scipy.io import savemat

from tests.datasets.conftest import write_celeba, write_image
from tests.datasets.tester import DatasetTester

LFW_NAMES = ("Bo_Li/Bo_Li_0001.jpg", "Al_Gore/Al_Gore_0001.jpg", "Al_Gore/Al_Gore_0002.jpg", "Cy_Ng/Cy_Ng_0001.jpg")


class TestCelebA(DatasetTester):
    name = "celeba-aligned"
    layout = "official"
    extra = "Img/img_align_celeba/extra.jpg"

    def write(self, data: Path) -> None:
        write_celeba(data, self.layout)


class TestCelebAOfTorchvision(TestCelebA):
    layout = "torchvision"
    extra = "img_align_celeba/extra.jpg"


class TestCelebAOfKaggle(TestCelebA):
    layout = "kaggle"
    extra = "img_align_celeba/img_align_celeba/extra.jpg"


class TestCelebAInTheWild(DatasetTester):
    name = "celeba-wild"
    options: ClassVar = {"images": "wild"}
    extra = "Img/img_celeba/extra.jpg"

    def write(self, data: Path) -> None:
        write_celeba(data, folder="img_celeba")


class TestLfwaTable(DatasetTester):
    name = "lfwa"
    extra = "lfw-deepfunneled/Bo_Li/extra.jpg"

    def write(self, data: Path) -> None:
        for name in LFW_NAMES:
            write_image(data / "lfw-deepfunneled" / name)
        rows = [f"{name},{split},{male},1" for name, split, male in zip(LFW_NAMES, (0, 2, 2, 0), "1010", strict=True)]
        (data / "lfwa_attributes.csv").write_text("\n".join(["image,split,Male,Smiling", *rows]))


@pytest.mark.slow
class TestLfwaMatlab(DatasetTester):
    name = "lfwa"
    extra = "lfw-deepfunneled/Bo_Li/extra.jpg"

    def write(self, data: Path) -> None:
        for name in LFW_NAMES:
            write_image(data / "lfw-deepfunneled" / name)
        cells = {"name": LFW_NAMES, "AttrName": ("Male", "Smiling")}
        arrays = {name: np.array(texts, object)[:, None] for name, texts in cells.items()}
        savemat(data / "lfw_att_40.mat", {**arrays, "label": np.array([[1, 0], [0, 0], [0, 1], [1, 1]], float)})
        rows = {"indices_img_train": [[1.0], [3.0]], "indices_img_test": [[2.0], [4.0]]}
        savemat(data / "indices_train_test.mat", rows)


class TestFolder(DatasetTester):
    name = "folder"

    def write(self, data: Path) -> None:
        for name in ("a.jpg", "b.png", "deep/c.jpg", "deep/er/d.jpeg"):
            write_image(data / name)


class TestFolderWithLabels(DatasetTester):
    name = "folder"
    options: ClassVar = {"numbers": ("age",), "categories": ("race",)}
    labels: ClassVar = {"numbers": {"age"}, "categories": {"race"}}

    def write(self, data: Path) -> None:
        for name in ("a.jpg", "b.png", "deep/c.jpg", "d.jpg"):
            write_image(data / name)
        (data / "labels.csv").write_text(
            "file,Smiling,age,split,race,identity\n"
            "deep/c.jpg,1,31.5,val,Asian,Zoe\na.jpg,,,test,,\n"
            "b.png,0,1e1,train, White ,Amy\nd.jpg,1,7,train,Asian,Amy\n"
        )


class TestUtkFace(DatasetTester):
    name = "utkface"
    labels: ClassVar = {"numbers": {"age"}, "categories": {"race"}}
    extra = "part2/extra.jpg"

    def write(self, data: Path) -> None:
        for row in range(20):
            write_image(data / f"part{row % 2}" / f"{row + 1}_{row % 2}_{row % 5}_20170109142408{row:03}.jpg.chip.jpg")


class TestClassFolders(DatasetTester):
    name = "folder-classes"
    labels: ClassVar = {"categories": {"class"}}
    extra = "dog/extra.jpg"

    def write(self, data: Path) -> None:
        for name in ("dog", "cat", "bird of prey"):
            for number in range(3):
                write_image(data / name / f"{number}.jpg")


class TestClassFoldersInSplits(DatasetTester):
    name = "folder-classes"
    labels: ClassVar = {"categories": {"class"}}
    extra = "val/dog/extra.jpg"

    def write(self, data: Path) -> None:
        for split in ("train", "val", "test"):
            for name in ("cat", "dog"):
                for number in range(3):
                    write_image(data / split / name / f"{split} {number}.jpg")
