from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wsegs.geometry.matrices import similarity
from wsegs.geometry.warp import warp_image
from wsegs.nets.layers.box_names import POINTS
from wsegs.nets.layers.posed_parts import PosedParts

SIZE = (60, 50)
MEAN = torch.tensor([[19.0, 26.0], [31.0, 26.0], [25.0, 33.0], [20.0, 39.0], [30.0, 39.0]])
PARTS = {
    "eyes": {"left_eye": (0.3, 0.5), "right_eye": (0.7, 0.5)},
    "mouth": {"left_mouth": (0.25, 0.5), "right_mouth": (0.75, 0.5), "nose": (0.5, 0.1)},
}


def _image(seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2)


def _read(source, image, points):
    images = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    return source(images, None, torch.as_tensor(points, dtype=torch.float32)[None])[0]


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_patches_are_those_of_the_similarity(seed) -> None:
    """Parity with :func:`warp_image`, which rounds to whole values and to a 32nd of a pixel."""
    points = MEAN.numpy() + np.random.default_rng(seed).normal(0, 2, (5, 2)).astype(np.float32)
    image = _image(seed)
    patches = _read(PosedParts(PARTS, (32, 32), MEAN), image, points)
    assert patches.shape == (2, 3, 32, 32)
    for patch, places in zip(patches, PARTS.values(), strict=True):
        own = points[[POINTS.index(name) for name in places]]
        matrix = similarity(own, np.array(list(places.values())) * 32 - 0.5)
        by_warp = warp_image(image, matrix, (32, 32)).astype(float)
        inside = warp_image(np.full_like(image, 255), matrix, (32, 32)) == 255  # beside the image, edges are repeated
        difference = np.abs(patch.permute(1, 2, 0).numpy() - by_warp)[inside]
        assert difference.max() < 6
        assert difference.mean() < 1


def test_points_come_to_their_places_however_the_face_is_turned() -> None:
    source = PosedParts(PARTS, (32, 32), MEAN)
    for turn in (0.0, 0.5, -1.0):
        spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], np.float32)
        points = torch.from_numpy((MEAN.numpy() - 25) @ spin.T * 1.3 + 25)[None]
        turned, shift = source.matrices(0, points)
        turned, shift = torch.view_as_complex(turned), torch.view_as_complex(shift)
        placed = turned * torch.view_as_complex(points[:, :2].contiguous()) + shift
        assert torch.view_as_real(placed)[0].flatten().tolist() == pytest.approx([9.1, 15.5, 21.9, 15.5], abs=1e-3)


def test_a_face_without_points_has_those_of_the_mean_face() -> None:
    source, image = PosedParts(PARTS, (32, 32), MEAN), _image()
    expected = _read(source, image, MEAN)
    for points in (np.full((5, 2), np.nan), np.full((5, 2), 7.0)):
        torch.testing.assert_close(_read(source, image, points), expected)


def test_large_parts_are_averaged_first() -> None:
    """A patch of 8 pixels about 40 of an image: single pixels of a fine pattern would alias, their mean does not."""
    stripes = np.zeros((60, 48, 3), np.uint8)
    stripes[:, ::2] = 255
    whole = {"face": {"left_eye": (0.35, 0.4), "right_eye": (0.65, 0.4)}}
    source = PosedParts(whole, (8, 8), MEAN)
    assert source._reduced == [4]
    patch = _read(source, stripes, MEAN)[0]
    assert (patch - 127.5).abs().max() < 1


def test_a_mirrored_image_has_mirrored_patches() -> None:
    image = _image()
    mirrored = MEAN[[1, 0, 2, 4, 3]] * torch.tensor([-1.0, 1.0]) + torch.tensor([SIZE[1] - 1.0, 0.0])
    source = PosedParts(PARTS, (32, 32), MEAN)
    patches = _read(source, image, MEAN)
    torch.testing.assert_close(
        _read(source, np.ascontiguousarray(image[:, ::-1]), mirrored).flip(-1), patches, atol=0.02, rtol=0
    )


def test_weights_are_none() -> None:
    assert PosedParts(PARTS, (32, 32), MEAN).state_dict() == {}  # the plan has all of it
