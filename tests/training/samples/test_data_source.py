from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.training.samples.tester import FIELDS, SampleSourceTester
from tests.training.tiny import SIZE
from wsegs.errors import DataError, OptionError
from wsegs.io.images import read_image
from wsegs.landmarks.table import write_landmarks
from wsegs.training.samples.data_source import DataSource
from wsegs.training.samples.opening import mean_points, open_data


class DataSourceTester(SampleSourceTester):
    crop: str
    landmarks = True

    @pytest.fixture(autouse=True)
    def _data(self, faces, table, tmp_path):
        self.faces, self.table = faces, table
        self.file = tmp_path / "own.h5"
        write_landmarks(self.file, table)

    def open(self):
        return open_data(self.faces, self.crop, self.size, landmarks=str(self.file) if self.landmarks else "")

    def build(self) -> DataSource:
        return DataSource(self.open(), self.size)

    def source_points(self, row: int) -> np.ndarray:
        return self.table.scheme.five_points(self.table.landmarks[row][None])[0]


class TestWholeImages(DataSourceTester):
    crop = "image"

    def test_images_of_the_networks_size_are_as_they_are(self) -> None:
        source = DataSource(open_data(self.faces, "image", SIZE), SIZE)
        image = source.read([7], FIELDS).images[0].permute(1, 2, 0).numpy()
        np.testing.assert_array_equal(image, read_image(self.faces / self.table.images[7]))


class TestLetterbox(DataSourceTester):
    crop = "letterbox"
    size = (30, 60)

    def test_the_rest_is_black_on_both_sides(self) -> None:
        image = self.build().read([0], FIELDS).images[0].float().mean(dim=(0, 1)).numpy()
        seen = np.flatnonzero(image > 0)
        assert abs(seen[0] - (self.size[1] - 1 - seen[-1])) <= 1  # in the middle
        assert len(seen) == pytest.approx(30 * SIZE[1] / SIZE[0], abs=2)  # its shape is kept


class TestFace(DataSourceTester):
    crop = "face"

    def test_an_image_without_a_face_cannot_be_used(self) -> None:
        assert np.flatnonzero(~self.open().usable).tolist() == [3]

    def test_landmarks_are_needed(self) -> None:
        with pytest.raises(OptionError, match=r"--crop face: needs landmarks of .*; --landmarks names them"):
            open_data(self.faces, "face", self.size)


def test_boxes_are_those_of_the_data_set(tmp_path, monkeypatch) -> None:
    """Boxes as CelebA has them: the crop shows the box, widened by the margin, and nothing else."""
    (tmp_path / "a").mkdir()
    image = np.zeros((100, 80, 3), np.uint8)
    image[30:50, 20:40] = 255
    for name in ("a/1.png", "a/2.png"):
        cv2.imwrite(str(tmp_path / name), image)
    opened = open_data(tmp_path, "image", (40, 40))
    with pytest.raises(OptionError, match=r"--crop box: the data set 'folder' in .* has no boxes"):
        open_data(tmp_path, "box", (40, 40))
    boxes = np.array([[20, 30, 20, 20], [np.nan] * 4], np.float32)
    frame = replace(opened.frame, kind="box")
    opened = replace(opened, labelled=replace(opened.labelled, boxes=boxes), frame=frame, margin=0.0)
    assert opened.usable.tolist() == [True, False]
    exact = DataSource(opened, (40, 40)).read([0], FIELDS).images[0]
    assert exact[:, 2:-2, 2:-2].min() == 255
    wide = DataSource(replace(opened, margin=1.0), (40, 40)).read([0], FIELDS).images[0]
    assert wide.float().mean() == pytest.approx(255 / 4, abs=8)  # half as wide and half as high


def test_auto_follows_what_is_known(faces, table, tmp_path) -> None:
    write_landmarks(tmp_path / "l.h5", table)
    assert open_data(faces, "auto", (8, 8)).frame.kind == "letterbox"
    assert open_data(faces, "auto", (8, 8), landmarks=str(tmp_path / "l.h5")).frame.kind == "face"


def _celeba(folder, size, name="img_celeba"):
    """Four images of a size, and the official tables of images of 178x218."""
    (folder / name).mkdir(parents=True)
    names = [f"{i:06}.jpg" for i in range(4)]
    for i, file in enumerate(names):
        cv2.imwrite(str(folder / name / file), np.full((size[1], size[0], 3), 40 * i, np.uint8))
    (folder / "list_attr_celeba.csv").write_text("image_id,Smiling\n" + "".join(f"{file},1\n" for file in names))
    boxes = "".join(f"{file},60,60,90,125\n" for file in names)
    (folder / "list_bbox_celeba.csv").write_text(f"image_id,x_1,y_1,width,height\n{boxes}")
    return folder


def test_boxes_of_images_of_another_size_are_refused_or_scaled(tmp_path) -> None:
    resized = _celeba(tmp_path / "resized", (64, 64))
    wild = {"images": "wild"}
    with pytest.raises(DataError, match=r"own boxes: 0+\.jpg has 64x64 .*outside of the image.* --data-scale"):
        open_data(resized, "box", (40, 40), options=wild)
    open_data(resized, "letterbox", (40, 40), options=wild)  # which uses none
    scaled = open_data(resized, "box", (40, 40), options={**wild, "data_scale": "178x218"})
    expected = [60 / 178 * 64, 60 / 218 * 64, 90 / 178 * 64, 125 / 218 * 64]
    np.testing.assert_allclose(scaled.boxes, [expected] * 4, atol=0.5)
    as_they_are = open_data(resized, "box", (40, 40), options={**wild, "data_scale": "1"})
    np.testing.assert_array_equal(as_they_are.boxes, [[60, 60, 90, 125]] * 4)


def test_the_mean_face_of_images_of_another_size_is_refused_or_scaled(tmp_path) -> None:
    resized = _celeba(tmp_path / "resized", (64, 64), "img_align_celeba")
    with pytest.raises(DataError, match=r"178x218 pixels, and 0+\.jpg has 64x64 .*--data-scale 178x218 scales them"):
        open_data(resized, "auto", (40, 40))
    scaled = open_data(resized, "auto", (40, 40), options={"data_scale": "178x218"})
    assert (scaled.frame.kind, scaled.labelled.image_size) == ("image", (64, 64))
    whole = _celeba(tmp_path / "whole", (178, 218), "img_align_celeba")
    right = open_data(whole, "auto", (40, 40))
    rows = np.arange(4)
    np.testing.assert_allclose(mean_points(scaled, rows, (40, 40)), mean_points(right, rows, (40, 40)), atol=1e-4)
