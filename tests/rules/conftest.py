from __future__ import annotations

import numpy as np
import pytest

from wsegs.schemes import IBUG68


@pytest.fixture(scope="session")
def faces(astronaut_landmarks) -> np.ndarray:
    """Forty faces (40, 68, 2) in a frame 178 wide and 218 high: one real face, turned, scaled, moved and jittered."""
    return _moved(astronaut_landmarks)


@pytest.fixture(scope="session")
def faces_of(faces, mediapipe_landmarks) -> dict[str, np.ndarray]:
    """The same by the name of the scheme: (40, P, 2)."""
    # Rounded, so that no last digit of another processor's arithmetic moves a vertex.
    faces = np.rint(faces)
    return {
        "ibug68": faces,
        "celeba5": IBUG68.five_points(faces),
        "mediapipe478": np.rint(_moved(mediapipe_landmarks["astronaut"], noise=0.3)),
    }


def _moved(landmarks: np.ndarray, noise: float = 1) -> np.ndarray:
    generator = np.random.default_rng(68)
    centred = landmarks.astype(np.float64) - landmarks.mean(axis=0)
    faces = []
    for _ in range(40):
        turn, scale = generator.uniform(-0.5, 0.5), generator.uniform(0.6, 1.4)
        rotation = scale * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        place = generator.uniform([70, 90], [110, 140])
        faces.append(centred @ rotation + place + generator.normal(0, noise, landmarks.shape))
    return np.array(faces)
