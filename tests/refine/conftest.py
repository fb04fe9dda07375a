"""A face of flat colours, of whose hair the rules know only half."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from wsegs.refine import Refinement
from wsegs.refine.refinement import parse_refinement
from wsegs.rules import RuleSet, compile_rules

RULES = """
version: 1
scheme: ibug68
space: face
regions:
  face: {hull: [0..16, [0, -0.6]]}
  hair:
    shapes: [{ellipse: {center: [0, -0.5], radii: [1, 0.9]}}]
    minus: face
  nothing: {polygon: 48..59, when: x0 > x16}
attributes:
  Blond_Hair: hair
"""

REFINEMENT = """
version: 1
scheme: ibug68
regions: [hair, face, nothing]
threshold: 0.5
classes:
  skin: {bias: 0, near: [0, 4, 0], far: [0, 2, 0]}
  hair: {refines: hair, bias: 0.5, near: [2, -2, 0], far: [1, 0, 0]}
  other: {refines: nothing, bias: -3, near: [0, 0, 0], far: [0, 0, 0]}
"""


@pytest.fixture
def rules() -> RuleSet:
    """Rules with a face, hair about its upper half, and a region that is never drawn."""
    return compile_rules(RULES, "own.yaml")


@pytest.fixture
def refinement() -> Refinement:
    """How to refine the hair, and the region that is never drawn."""
    return parse_refinement(REFINEMENT, "fine.yaml")


@pytest.fixture
def face(astronaut_landmarks, rules) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture (220, 200, 3), landmarks (68, 2), and where the hair is, (220, 200): lower than the rules say."""
    landmarks = astronaut_landmarks - [125, 20]
    image = np.full((220, 200, 3), (90, 140, 90), np.uint8)
    hair = np.zeros((220, 200), np.uint8)
    cv2.ellipse(hair, (100, 95), (75, 85), 0, 0, 360, 1, -1)
    image[hair == 1] = (90, 50, 20)
    skin = rules.draw(landmarks[None], (220, 200))[0] & 1 == 1
    image[skin] = (220, 170, 140)
    noise = np.random.default_rng(0).normal(0, 5, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), landmarks, (hair == 1) & ~skin
