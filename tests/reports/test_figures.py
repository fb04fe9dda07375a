from __future__ import annotations

import cv2
import numpy as np
import pytest

from wsegs.reports.figures import draw_activation_maps, draw_parsed_faces, draw_region_weights


def _cells(picture, rows: int, columns: int):
    """The mean colour of the middle of each cell of a grid, RGB."""
    height, width = picture.shape[0] // rows, picture.shape[1] // columns
    middle = picture.reshape(-1, *picture.shape[1:])
    return np.array(
        [[middle[int((r + 0.5) * height), int((c + 0.5) * width)] for c in range(columns)] for r in range(rows)]
    )


def test_maps_follow_the_face_in_their_order(tmp_path, face) -> None:
    maps = np.zeros((2, 3, 3))
    maps[0, 1, 1] = 1  # bright in the middle
    maps[1] = 1 - maps[0]  # dark in the middle
    draw_activation_maps(face.image, maps, tmp_path / "maps.png")
    picture = cv2.imread(str(tmp_path / "maps.png"))
    first, second = (int(cell.sum()) for cell in _cells(picture, 1, 3)[0, 1:])
    assert first > 500 > 100 > second


@pytest.mark.slow
def test_fifty_maps_and_the_face_fill_three_rows(tmp_path, face) -> None:
    draw_activation_maps(face.image, np.random.default_rng(0).random((50, 7, 6)), tmp_path / "maps.png")
    picture = cv2.imread(str(tmp_path / "maps.png"))
    assert picture.shape[1] / picture.shape[0] == pytest.approx(17 / (3 * 218 / 178), rel=0.02)
    assert (_cells(picture, 3, 17).sum(axis=-1) < 3 * 255).all()  # no cell is left white


def test_a_class_is_white_where_it_is(tmp_path, face) -> None:
    probabilities = np.zeros((1, 2, 4, 4))
    probabilities[0, 1] = 1
    draw_parsed_faces(face.image[None], probabilities, ("hair", "face_skin"), tmp_path / "parsed.png")
    picture = cv2.imread(str(tmp_path / "parsed.png"))
    hair, skin = _cells(picture, 1, 3)[0, 1:]
    assert hair.tolist() == [0, 0, 0]
    assert skin.tolist() == [255, 255, 255]


def test_the_heat_map_has_a_cell_for_each_attribute_and_region(tmp_path) -> None:
    weights = np.full((3, 2), 0.5)
    names = ("Smiling", "Big_$", "Male")
    draw_region_weights(weights, names, ("eyes", "mouth"), tmp_path / "even.png")
    weights[1] = (1, 0)
    draw_region_weights(weights, names, ("eyes", "mouth"), tmp_path / "uneven.png")
    even, uneven = (cv2.imread(str(tmp_path / f"{name}.png")) for name in ("even", "uneven"))
    assert even.shape[1] > 200
    assert even.shape != uneven.shape or (even != uneven).any()
