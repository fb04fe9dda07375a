from __future__ import annotations

import cv2
import numpy as np
import PIL.Image
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from wsegs.datasets import open_dataset
from wsegs.evaluation import crops, known_faces
from wsegs.evaluation.crop_sources import FileCrops
from wsegs.evaluation.crops import Cropper
from wsegs.evaluation.known_faces import KnownFace
from wsegs.geometry.frame import Frame
from wsegs.geometry.matrices import resize_affine, similarity, transform_points
from wsegs.io.images import read_image
from wsegs.landmarks.chain import FoundFace
from wsegs.landmarks.find import find_landmarks
from wsegs.schemes import IBUG68

POINTS = np.array([[30, 40], [60, 42], [45, 60], [33, 75], [58, 76]], np.float32)


@pytest.fixture
def no_detector(monkeypatch) -> None:
    """Fail where a face would be looked for."""
    monkeypatch.setattr(known_faces, "landmarks_of_image", lambda image: pytest.fail("a face was looked for"))


@settings(deadline=None)
@given(scale=st.floats(0.2, 5), angle=st.floats(-3, 3), shift=st.tuples(st.floats(-50, 50), st.floats(-50, 50)))
def test_a_similarity_is_found_again(scale, angle, shift) -> None:
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = similarity(POINTS, POINTS @ linear.T + shift)
    np.testing.assert_allclose(matrix, np.c_[linear, shift], atol=1e-3)


def test_a_similarity_is_the_best_one() -> None:
    rng = np.random.default_rng(0)
    target = POINTS + rng.normal(0, 3, POINTS.shape)

    def error(matrix) -> float:
        return float(np.square(POINTS @ matrix[:, :2].T + matrix[:, 2] - target).sum())

    best = similarity(POINTS, target).astype(float)
    for _ in range(50):
        a, b, x, y = rng.normal(0, 0.01, 4)
        assert error(best + np.array([[a, -b, x], [b, a, y]])) >= error(best) - 1e-3


def test_points_without_extent_are_only_moved() -> None:
    np.testing.assert_allclose(similarity(np.ones((5, 2)), np.full((5, 2), 3.0)), [[1, 0, 2], [0, 1, 2]])


def _cropper(frame: Frame, aligned: np.ndarray | None = None) -> Cropper:
    source = (218, 178) if frame.kind == "image" else None
    return Cropper((109, 89), frame, source, POINTS / 1.2, aligned)


def test_images_of_the_training_are_resized(no_detector) -> None:
    image = np.full((218, 178, 3), 7, np.uint8)
    crop, kind = _cropper(Frame("image", (218, 178)), aligned=POINTS).crop(image)
    assert (crop.shape, kind) == ((109, 89, 3), "as in training")
    assert (crop == 7).all()


def test_images_aligned_another_way_are_moved_to_the_points_of_the_training(no_detector) -> None:
    image = np.zeros((250, 250, 3), np.uint8)
    aligned = POINTS * 1.5 + [50, 30]
    for x, y in aligned.round().astype(int):
        image[y - 2 : y + 3, x - 2 : x + 3] = 255
    cropper = _cropper(Frame("image", (218, 178)), aligned=aligned.astype(np.float32))
    crop, kind = cropper.crop(image)
    assert kind == "aligned"
    for x, y in cropper.mean_points.round().astype(int):
        assert crop[y, x].min() > 128


@pytest.mark.parametrize("given_landmarks", [True, False])
def test_other_images_are_cropped_by_their_landmarks(astronaut_landmarks, monkeypatch, given_landmarks) -> None:
    image = skimage.data.astronaut()
    found = FoundFace(None if given_landmarks else astronaut_landmarks, "dlib", None, 1)
    monkeypatch.setattr(known_faces, "landmarks_of_image", lambda image: found)
    cropper = _cropper(Frame("image", (218, 178)))
    crop, kind = cropper.crop(image, IBUG68.five_points(astronaut_landmarks[None])[0] if given_landmarks else None)
    assert kind == ("landmarks" if given_landmarks else "detected")
    five = IBUG68.five_points(astronaut_landmarks[None])
    moved = transform_points(five, similarity(five[0], cropper.mean_points)[None])[0]
    np.testing.assert_allclose(moved, cropper.mean_points, atol=4)
    assert crop.std() > 20


def test_other_images_are_stretched_as_those_of_the_training_were(no_detector) -> None:
    """A network of another shape sees training images stretched; one of twice the size must look the same to it."""
    resized = resize_affine(np.array([[218, 178]]), (100, 160))[0]
    points = np.array([[70, 110], [108, 110], [89, 135], [73, 150], [105, 150]], np.float32)
    mean = transform_points(points[None], resized[None])[0]
    cropper = Cropper((100, 160), Frame("image", (218, 178)), (218, 178), mean)
    twice = np.zeros((500, 400, 3), np.uint8)
    matrix = cropper.place(twice, points * 2 + [5, -7]).matrix
    expected = transform_points(np.array([[[0, 0], [177, 0], [0, 217]]], np.float32), resized[None])[0]
    moved = transform_points(np.array([[[5, -7], [359, -7], [5, 427]]], np.float32), matrix[None])[0]
    np.testing.assert_allclose(moved, expected, atol=0.01)


def test_the_face_frame_crops_as_the_store_does(astronaut_landmarks, no_detector) -> None:
    image = skimage.data.astronaut()
    frame = Frame("face", (218, 178))
    crop, kind = Cropper((218, 178), frame, None, POINTS).crop(image, IBUG68.five_points(astronaut_landmarks[None])[0])
    matrix = frame.affine(IBUG68.five_points(astronaut_landmarks[None]), np.array([[512, 512]]))[0]
    assert kind == "landmarks"
    np.testing.assert_array_equal(crop, crops.warp_image(image, matrix, (218, 178)))


@pytest.mark.parametrize("frame", [Frame("image", (218, 178)), Frame("face", (218, 178))])
def test_an_image_without_a_face_is_taken_whole(frame, monkeypatch) -> None:
    monkeypatch.setattr(known_faces, "landmarks_of_image", lambda image: FoundFace(None, "none", None, 0))
    image = np.full((50, 60, 3), 9, np.uint8)
    crop, kind = _cropper(frame).crop(image)
    assert kind == "whole image"
    assert (crop == 9).all()
    assert _cropper(frame).crop(image, np.full((5, 2), np.nan, np.float32))[1] == "whole image"


@pytest.mark.slow
def test_a_face_is_found_in_a_file_as_wsegs_landmarks_finds_it(tmp_path):
    """A JPEG's own grey, decoded at half its size, is not the grey of its pixels."""
    pytest.importorskip("face_recognition_models", reason="needs the 68-point model of wsegs[ibug68]")
    path = tmp_path / "data/a.jpg"
    path.parent.mkdir()
    large = cv2.resize(skimage.data.astronaut(), (2048, 2048), interpolation=cv2.INTER_CUBIC)
    PIL.Image.fromarray(large).save(path, quality=70)
    table = find_landmarks(open_dataset(path.parent), tmp_path / "l.h5", jobs=1)
    expected = IBUG68.five_points(table.landmarks)[0]
    cropper = Cropper((64, 56), Frame("face", (64, 56)), None, None)
    crop = cropper.place(read_image(path), face=KnownFace(path=path))
    assert crop.kind == "detected"
    np.testing.assert_allclose(crop.points, transform_points(expected[None], crop.matrix[None])[0], atol=1e-4)
    source = FileCrops(cropper, [path], None)
    np.testing.assert_array_equal(source.crop(0).points, crop.points)
