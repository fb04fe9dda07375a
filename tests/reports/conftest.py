"""One real face in a small frame, with regions drawn from its landmarks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from wsegs.reports.contact_sheet import SheetFace

SIZE = (218, 178)
# Mouth, left eye, right eye, nose, and the whole lower face, which overlaps the others.
POLYGONS = (range(48, 60), range(36, 42), range(42, 48), (27, 31, 33, 35), range(17))
REGION_NAMES = ("mouth", "left_eye", "right_eye", "nose", "lower_face")


@pytest.fixture(scope="session")
def face(astronaut_landmarks: NDArray[np.float32]) -> SheetFace:
    """The astronaut's head, 218x178."""
    left, top = 136, 20
    image = np.ascontiguousarray(astronaut()[top : top + SIZE[0], left : left + SIZE[1]])
    landmarks = astronaut_landmarks - np.array([left, top], np.float32)
    regions = np.zeros(SIZE, np.uint16)
    for r, points in enumerate(POLYGONS):
        mask = np.zeros(SIZE, np.uint8)
        cv2.fillPoly(mask, [landmarks[list(points)].round().astype(np.int32)], 1)
        regions |= mask.astype(np.uint16) << np.uint16(r)
    return SheetFace("collins.jpg", image, landmarks, regions, "dlib")


@pytest.fixture(scope="session")
def region_names() -> tuple[str, ...]:
    return REGION_NAMES
