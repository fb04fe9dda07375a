"""From images to masks, by paths and arrays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import wsegs
from wsegs.errors import DataError, OutputExistsError, RuleError


def test_landmarks_that_come_with_a_data_set(tmp_path):
    # CelebA's layout in miniature: two images and their five points.
    (tmp_path / "celeba" / "img_align_celeba").mkdir(parents=True)
    points = "38 60 70 60 54 80 42 98 68 98"
    names = ("000001.jpg", "000002.jpg")
    for name in names:
        cv2.imwrite(str(tmp_path / "celeba" / "img_align_celeba" / name), np.full((218, 178, 3), 128, np.uint8))
    attributes = "".join(f"{name} 1 -1\n" for name in names)
    (tmp_path / "celeba" / "list_attr_celeba.txt").write_text(f"2\nSmiling Male\n{attributes}")
    (tmp_path / "celeba" / "list_landmarks_align_celeba.txt").write_text(
        "2\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y\n"
        + "".join(f"{name} {points}\n" for name in names)
    )
    output = str(tmp_path / "landmarks.h5")
    table = wsegs.find_landmarks(str(tmp_path / "celeba"), output, from_data=True, jobs=1)
    assert table.landmarks.shape == (2, 5, 2)
    assert table.landmarks[0, 0].tolist() == [38, 60]
    assert wsegs.read_landmarks(output) == table
    with pytest.raises(OutputExistsError):
        wsegs.find_landmarks(str(tmp_path / "celeba"), output, from_data=True, jobs=1)


def test_regions_and_masks_of_arrays_and_tables(store, table):
    rules, size = store.rules, store.size
    regions = wsegs.draw(rules, store.landmarks, size)
    np.testing.assert_array_equal(regions, store.regions(range(len(store))))
    np.testing.assert_array_equal(wsegs.draw(rules, store.landmarks[0], size), regions[0])
    np.testing.assert_array_equal(wsegs.draw(rules, table, size), regions)
    masks = wsegs.draw(rules, store.landmarks, size, ["Eyeglasses", "Smiling"])
    assert masks.shape == (len(store), 2, *size)
    assert masks.dtype == bool
    np.testing.assert_array_equal(masks[:, 0], regions & 2 == 2)
    np.testing.assert_array_equal(wsegs.draw(rules, store.landmarks[1], size, ["Smiling"])[0], masks[1, 1])
    with pytest.raises(RuleError, match="no rule for the attribute 'Smilling'"):
        wsegs.draw("celeba", store.landmarks, size, ["Smilling"])


def test_a_table_is_stretched_to_the_size(store, table):
    twice = wsegs.draw(store.rules, table, (128, 112))
    np.testing.assert_array_equal(twice, wsegs.draw(store.rules, (store.landmarks + 0.5) * 2 - 0.5, (128, 112)))


def test_a_store_by_paths(table, store, tmp_path):
    from wsegs.landmarks.table import write_landmarks

    write_landmarks(tmp_path / "landmarks.h5", table)
    (tmp_path / "tiny.yaml").write_text(store.rules.text)
    drawn = wsegs.build_store(
        str(tmp_path / "landmarks.h5"), str(tmp_path / "tiny.yaml"), str(tmp_path / "masks.h5"), jobs=1
    )
    assert drawn.frame == store.frame
    np.testing.assert_array_equal(drawn[:], store[:])
    crops = wsegs.build_store(
        table, store.rules, tmp_path / "crops.h5", frame="face", size=(48, 40), with_images=True, jobs=1
    )
    assert crops.size == (48, 40)
    assert len(crops) == len(store) - 1  # one has no face
    assert crops.image("faces/000.png").shape == (48, 40, 3)


def test_overlays_of_regions_and_of_a_mask(store, faces, tmp_path):
    from wsegs.reports.overlay import mask_overlay, region_overlay

    image = cv2.imread(str(faces / store.images[0]))[..., ::-1]
    (regions,) = store.regions([0])
    picture = wsegs.draw_overlay(str(faces / store.images[0]), regions, output=str(tmp_path / "regions.png"))
    np.testing.assert_array_equal(picture, region_overlay(image, regions, store.region_names))
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "regions.png"))[..., ::-1], picture)
    mask = regions > 0
    np.testing.assert_array_equal(wsegs.draw_overlay(image, mask, scale=1), mask_overlay(image, mask, scale=1))
    dotted = wsegs.draw_overlay(image, mask, store.landmarks[0], scale=1)
    assert (dotted != mask_overlay(image, mask, scale=1)).any()
    with pytest.raises(DataError, match=r"expected region integers or a bool mask \(64, 56\), .* got bool \(2, 64, 56"):
        wsegs.draw_overlay(image, np.stack([mask, mask]))
