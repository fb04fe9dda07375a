from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session")
def faces(astronaut_landmarks) -> np.ndarray:
    """Forty faces (40, 68, 2) in a frame 178 wide and 218 high: one real face, turned, scaled, moved and jittered."""
    generator = np.random.default_rng(68)
    centred = astronaut_landmarks.astype(np.float64) - astronaut_landmarks.mean(axis=0)
    faces = []
    for _ in range(40):
        turn, scale = generator.uniform(-0.5, 0.5), generator.uniform(0.6, 1.4)
        rotation = scale * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        faces.append(centred @ rotation + generator.uniform([70, 90], [110, 140]) + generator.normal(0, 1, (68, 2)))
    return np.array(faces)
