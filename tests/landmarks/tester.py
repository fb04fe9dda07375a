"""Contract of a landmarker: a test class inherits this one and names it."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from wsegs.landmarks.chain import ChainOptions
from wsegs.landmarks.detectors import LANDMARKERS, describe_landmarker, load_landmarker
from wsegs.landmarks.detectors.protocol import Faces, Landmarker, LandmarkerOptions
from wsegs.landmarks.detectors.upright import box_of_points
from wsegs.landmarks.table import STATUS_NAMES
from wsegs.schemes import IBUG68


class LandmarkerTester:
    """What every landmarker must do.

    A test class sets ``name``, and overrides :meth:`options` where it needs more than a shape predictor.
    """

    name: str

    @pytest.fixture
    def options(self, tiny_predictor: Path) -> LandmarkerOptions:
        return LandmarkerOptions(str(tiny_predictor))

    @pytest.fixture
    def landmarker(self, options: LandmarkerOptions) -> Landmarker:
        return load_landmarker(self.name, options)

    @staticmethod
    def seen_by(landmarker: Landmarker, image: NDArray[np.uint8], *, detects: bool) -> NDArray[np.uint8]:
        """Return an image as the chain shows it: grey to who looks at brightness alone."""
        grey = landmarker.detects_in_grey if detects else landmarker.predicts_in_grey
        return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if grey else image

    def detect(self, landmarker: Landmarker, image: NDArray[np.uint8]) -> Faces:
        return landmarker.detector.detect(self.seen_by(landmarker, image, detects=True))

    def test_it_is_registered_and_has_a_status(self, landmarker):
        assert landmarker.name == self.name
        assert self.name in LANDMARKERS
        assert self.name in STATUS_NAMES

    def test_its_provenance_is_text(self, options):
        described = describe_landmarker(self.name, options)
        assert described["name"] == self.name
        assert {"version", "weights", "sha256", "licence"} <= described.keys()
        assert all(isinstance(value, str) and value for value in described.values())

    def test_faces_are_arrays_of_what_is_promised(self, landmarker, astronaut, hopper):
        for image, count in ((astronaut, 1), (np.hstack([astronaut[:400], hopper[:400]]), 2)):
            faces = self.detect(landmarker, image)
            assert (faces.boxes.shape, faces.boxes.dtype) == ((count, 4), np.float32)
            assert (faces.boxes[:, 2:] > 0).all()
            if faces.scores is not None:
                assert (faces.scores.shape, faces.scores.dtype) == ((count,), np.float32)
                assert ((faces.scores >= 0.5) & (faces.scores <= 1)).all()
            if faces.points is not None:
                assert (faces.points.shape, faces.points.dtype) == ((count, 5, 2), np.float32)

    def test_images_without_a_face_have_none(self, landmarker):
        brick = skimage.data.brick()[..., None].repeat(3, axis=2)
        for image in (brick, np.zeros((1, 1, 3), np.uint8), np.zeros((3, 700, 3), np.uint8)):
            assert len(self.detect(landmarker, image)) == 0

    def test_boxes_are_framed_as_hogs(self, landmarker, astronaut, astronaut_landmarks):
        (box,) = self.detect(landmarker, astronaut).boxes
        expected = box_of_points(IBUG68.five_points(astronaut_landmarks[None])[0])
        np.testing.assert_allclose(box, expected, atol=0.25 * expected[2])

    def test_landmarks_lie_in_the_face_and_the_images_stay_as_they_are(self, landmarker, astronaut):
        before = astronaut.copy()
        faces = self.detect(landmarker, astronaut)
        image = self.seen_by(landmarker, astronaut, detects=False)
        points = None if faces.points is None else faces.points[0]
        found = landmarker.predictor.predict(image, faces.boxes[0], points)
        assert (found.shape, found.dtype) == ((68, 2), np.float32)
        x, y, width, height = faces.boxes[0]
        assert (np.abs(found.mean(axis=0) - [x + width / 2, y + height / 2]) < 0.5 * width).all()
        np.testing.assert_array_equal(astronaut, before)
        again = landmarker.predictor.predict(image, faces.boxes[0], points)
        np.testing.assert_array_equal(again, found)

    def test_what_is_sent_to_workers_survives_pickling(self, options, landmarker, astronaut):
        assert pickle.loads(pickle.dumps(options)) == options
        assert hash(pickle.loads(pickle.dumps(options))) == hash(options)
        chain = ChainOptions((self.name,), options.predictor)
        assert pickle.loads(pickle.dumps(chain)) == chain
        faces = self.detect(landmarker, astronaut)
        again = pickle.loads(pickle.dumps(faces))
        np.testing.assert_array_equal(again.boxes, faces.boxes)
