from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.color
import skimage.data
import skimage.transform

from tests.landmarks.tester import LandmarkerTester
from wsegs.errors import DataError, MissingError, OptionError
from wsegs.io.processes.subprocess_call import call_in_subprocess
from wsegs.landmarks.detectors import (
    LANDMARKERS,
    check_landmarkers,
    describe_landmarker,
    dlib_detector,
    load_landmarker,
)
from wsegs.landmarks.detectors import face_alignment_detector as fan
from wsegs.landmarks.detectors.mtcnn_detector import MtcnnDetector
from wsegs.landmarks.detectors.protocol import LandmarkerOptions
from wsegs.landmarks.detectors.upright import UprightCrop, box_of_points, tilt_of
from wsegs.landmarks.table import STATUS_NAMES
from wsegs.schemes import IBUG68


def _real_predictor() -> LandmarkerOptions:
    try:
        dlib_detector.find_predictor(None)
    except MissingError:
        pytest.skip("dlib's 68-point model (extra 'ibug68') is not installed")
    return LandmarkerOptions()


def _error(found, expected) -> float:
    """In percent of the distance between the eyes."""
    distance = IBUG68.inter_ocular_distance(expected[None])[0]
    return 100 * float(np.linalg.norm(found - expected, axis=1).mean() / distance)


@pytest.fixture(scope="module")
def five(astronaut_landmarks):
    return IBUG68.five_points(astronaut_landmarks[None])[0]


class TestUpright:
    @pytest.mark.slow
    def test_the_box_of_five_points_is_hogs_box(self, astronaut, five):
        hog = dlib_detector.usual().detect(astronaut).boxes[0]
        np.testing.assert_allclose(box_of_points(five), hog, atol=0.15 * hog[2])

    def test_tilt(self, five):
        centre = five.mean(axis=0)
        assert abs(tilt_of(five)) < 5
        for degrees in (-100, 30, 90):
            angle = np.radians(degrees)
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            turned = (five - centre) @ turn.T + centre
            assert tilt_of(turned) == pytest.approx(tilt_of(five) + degrees, abs=1e-3)

    def test_crop_and_image_are_one_plane(self, five):
        """A bright pixel of the crop lies where to_image says that it does."""
        crop = UprightCrop(five)
        image = np.zeros((512, 512), np.uint8)
        image[110:114, 225:229] = 255
        warped = crop.warp(image).astype(float)
        y, x = np.indices(warped.shape)
        centre = np.array([[(x * warped).sum(), (y * warped).sum()]]) / warped.sum()
        np.testing.assert_allclose(crop.to_image(centre)[0], [226.5, 111.5], atol=0.3)


class TestDlib(LandmarkerTester):
    name = "dlib"


class TestMtcnn(LandmarkerTester):
    name = "mtcnn"

    @pytest.mark.slow
    def test_mtcnn_boxes_are_like_hogs_and_points_lie_in_them(self, astronaut, five):
        faces = MtcnnDetector().detect(astronaut)
        hog = dlib_detector.usual().detect(astronaut)
        np.testing.assert_allclose(faces.boxes[0], hog.boxes[0], atol=0.2 * hog.boxes[0, 2])
        np.testing.assert_allclose(faces.points[0], five, atol=6)

    @pytest.mark.slow
    @pytest.mark.parametrize("turns", [1, 2, 3])
    def test_mtcnn_finds_faces_that_lie_or_hang(self, astronaut, five, turns):
        image = np.ascontiguousarray(np.rot90(astronaut[:400], turns))
        faces = MtcnnDetector().detect(image)
        assert len(faces) == 1
        back = np.rot90(np.arange(400 * 512).reshape(400, 512), turns)
        rows, columns = np.unravel_index(back, (400, 512))
        x, y = faces.points[0].round().astype(int).T
        np.testing.assert_allclose(np.column_stack([columns[y, x], rows[y, x]]), five, atol=6)


class TestDlibPredictor:
    @pytest.mark.slow
    def test_the_real_model_on_astronaut(self, astronaut, astronaut_landmarks):
        landmarker = load_landmarker("dlib", _real_predictor())
        box = landmarker.detector.detect(astronaut).boxes[0]
        assert _error(landmarker.predictor.predict(astronaut, box, None), astronaut_landmarks) < 1

    @pytest.mark.slow
    @pytest.mark.parametrize("turns", [1, 2, 3])
    def test_the_real_model_follows_mtcnn_on_turned_faces(self, astronaut, astronaut_landmarks, turns):
        landmarker = load_landmarker("mtcnn", _real_predictor())
        upright = landmarker.detector.detect(astronaut)
        expected = landmarker.predictor.predict(astronaut, upright.boxes[0], upright.points[0])
        assert _error(expected, astronaut_landmarks) < 3
        image = np.ascontiguousarray(np.rot90(astronaut, turns))
        faces = landmarker.detector.detect(image)
        found = landmarker.predictor.predict(image, faces.boxes[0], faces.points[0])
        for _ in range(turns):
            found = np.column_stack([511 - found[:, 1], found[:, 0]])
        assert _error(found, expected) < 1

    def test_its_provenance(self):
        described = describe_landmarker("dlib", _real_predictor())
        assert described["sha256"] == dlib_detector.KNOWN_SHA256
        assert "excludes commercial use" in described["licence"]

    @pytest.mark.slow
    def test_a_model_of_ones_own(self, astronaut, astronaut_landmarks, tiny_predictor):
        options = LandmarkerOptions(str(tiny_predictor))
        assert describe_landmarker("dlib", options)["licence"] == "unknown weights"
        assert describe_landmarker("mtcnn", options)["predictor_weights"] == "tiny.dat"
        landmarker = load_landmarker("dlib", options)
        box = landmarker.detector.detect(astronaut).boxes[0]
        found = landmarker.predictor.predict(astronaut, box, None)
        assert found.shape == (68, 2)
        assert found.dtype == np.float32
        assert _error(found, astronaut_landmarks) < 20

    def test_no_model_says_what_to_install(self, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(MissingError, match=r"pip install 'wsegs\[ibug68\]' .*no commercial use.*--predictor PATH"):
            describe_landmarker("dlib", LandmarkerOptions())

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(MissingError, match=r"--predictor .*no\.dat: no such file"):
            describe_landmarker("dlib", LandmarkerOptions(str(tmp_path / "no.dat")))

    @pytest.mark.slow
    @pytest.mark.parametrize("damage", ["cut", "text", "empty"])
    def test_a_damaged_file_is_one_line(self, tiny_predictor, tmp_path, damage):
        whole = tiny_predictor.read_bytes()
        path = tmp_path / "bad.dat"
        path.write_bytes({"cut": whole[: len(whole) // 2], "text": b"hello " * 99, "empty": b""}[damage])
        with pytest.raises(DataError, match=r"bad\.dat: not a usable dlib shape predictor \(.+\)") as caught:
            describe_landmarker("dlib", LandmarkerOptions(str(path)))
        assert "\n" not in str(caught.value)

    def test_a_model_that_takes_the_process_down_is_one_line(self, tiny_predictor, tmp_path, monkeypatch):
        monkeypatch.setattr(
            dlib_detector, "call_in_subprocess", lambda *_, seconds: call_in_subprocess("os:abort", seconds=seconds)
        )
        path = tmp_path / "bad.dat"
        path.write_bytes(tiny_predictor.read_bytes())
        with pytest.raises(DataError, match="the library that reads it crashes"):
            describe_landmarker("dlib", LandmarkerOptions(str(path)))

    def test_a_model_of_other_points(self, astronaut, tmp_path):
        import cv2
        import dlib

        grey = cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)
        face = dlib.full_object_detection(
            dlib.rectangle(174, 73, 277, 176), [dlib.point(200, 100 + i) for i in range(5)]
        )
        options = dlib.shape_predictor_training_options()
        options.cascade_depth, options.tree_depth, options.num_trees_per_cascade_level = 1, 1, 1
        options.num_threads = 1
        path = tmp_path / "five.dat"
        dlib.train_shape_predictor([grey, grey], [[face], [face]], options).save(str(path))
        with pytest.raises(DataError, match=r"five\.dat: a shape predictor of 5 points, expected 68"):
            describe_landmarker("dlib", LandmarkerOptions(str(path)))


@pytest.fixture(scope="module")
def fan_weights(tmp_path_factory) -> Path:
    """Random weights of the right shape: they find nothing, and slowly."""
    pytest.importorskip("face_alignment", exc_type=ImportError)
    import torch
    from face_alignment.models import FAN

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / fan.FILE_NAME
    torch.save(FAN(4).state_dict(), path)
    return path


@pytest.mark.slow
class TestFaceAlignment(LandmarkerTester):
    name = "face-alignment"

    @pytest.fixture
    def options(self, home, fan_weights) -> LandmarkerOptions:
        home.mkdir(parents=True)
        (home / fan.FILE_NAME).symlink_to(fan_weights)
        return LandmarkerOptions()

    @pytest.fixture
    def landmarker(self, options):
        import torch

        landmarker = load_landmarker(self.name, options)
        # Peaks in the middle of the maps place the points in the middle of the box.
        maps = torch.zeros(1, 68, 64, 64)
        maps[:, :, 31:33, 31:33] = 1
        landmarker.predictor._network.face_alignment_net = lambda crops: maps.clone()
        return landmarker

    @pytest.fixture
    def home(self, tmp_path, monkeypatch):
        pytest.importorskip("face_alignment", exc_type=ImportError)
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
        monkeypatch.setattr("torch.hub.download_url_to_file", self._no_download)
        return tmp_path / "torch" / "hub" / "checkpoints"

    @staticmethod
    def _no_download(*arguments, **options):
        raise AssertionError("wsegs downloads nothing")

    def test_missing_weights_say_where_they_must_lie(self, home):
        for call in (describe_landmarker, load_landmarker):
            with pytest.raises(MissingError) as caught:
                call("face-alignment", LandmarkerOptions())
            assert str(home / fan.FILE_NAME) in str(caught.value)
            assert fan.URL in str(caught.value)
        assert not home.exists()

    def test_weights_of_something_else_are_one_line(self, home):
        home.mkdir(parents=True)
        (home / fan.FILE_NAME).write_bytes(b"not weights")
        with pytest.raises(DataError, match=r"not the weights of 2DFAN-4"):
            load_landmarker("face-alignment", LandmarkerOptions())

    @pytest.mark.slow
    def test_random_weights_of_the_right_shape(self, options, landmarker, astronaut):
        assert describe_landmarker("face-alignment", options)["licence"] == "unknown weights"
        faces = landmarker.detector.detect(astronaut)
        found = landmarker.predictor.predict(astronaut, faces.boxes[0], None)
        assert found.shape == (68, 2)
        x, y, width, height = faces.boxes[0]
        np.testing.assert_allclose(found.mean(axis=0), [x + width / 2, y + 0.38 * height], atol=0.05 * width)

    def test_behind_others_it_takes_their_boxes_at_a_lower_threshold(self, astronaut):
        turned = skimage.transform.rotate(astronaut[:256, 100:356], 48, preserve_range=True).astype(np.uint8)
        assert not len(dlib_detector.usual().detect(turned))
        assert len(fan.boxes_from(("dlib",)).detect(turned)) >= 1


def test_names_of_landmarkers():
    assert check_landmarkers(("mtcnn", "dlib")) == ("mtcnn", "dlib")
    assert check_landmarkers(("none",)) == ()
    with pytest.raises(OptionError, match=r"unknown detector 'dlip'.*did you mean 'dlib'\?"):
        check_landmarkers(("dlip",))
    with pytest.raises(OptionError, match="'dlib' is listed twice"):
        check_landmarkers(("dlib", "dlib"))
    with pytest.raises(OptionError, match="got nothing"):
        check_landmarkers(())
    with pytest.raises(OptionError, match="unknown detector 'none'"):
        check_landmarkers(("dlib", "none"))


def test_every_landmarker_has_a_status():
    from wsegs.landmarks.table import STATUS_NAMES

    assert set(LANDMARKERS) <= set(STATUS_NAMES)


class TestWholeImage:
    """No search, so not the contract of those that search."""

    def test_it_is_registered_and_has_a_status(self):
        assert "whole" in LANDMARKERS
        assert "whole" in STATUS_NAMES
        assert set(LANDMARKERS) <= set(STATUS_NAMES)

    @pytest.mark.slow
    @pytest.mark.parametrize(("margin", "above"), [(0, 0), (0.1, 0), (0, 0.35), (0.1, 0.35)])
    def test_points_of_tight_crops_lie_on_the_face(self, astronaut, astronaut_landmarks, margin, above):
        low, high = astronaut_landmarks.min(axis=0), astronaut_landmarks.max(axis=0)
        low[1] -= above * (high - low)[1]
        x, y = np.floor(low - margin * (high - low)).astype(int)
        right, bottom = np.ceil(high + margin * (high - low)).astype(int)
        options = _real_predictor()
        landmarker = load_landmarker("whole", options)
        grey = skimage.color.rgb2gray(astronaut[y:bottom, x:right])
        crop = (255 * grey).astype(np.uint8)
        faces = landmarker.detector.detect(crop)
        found = landmarker.predictor.predict(crop, faces.boxes[0], None)
        assert _error(found + np.array([x, y]), astronaut_landmarks) < 6
        assert describe_landmarker("whole", options)["name"] == "whole"
