from __future__ import annotations

import pickle

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.tiny import SIZE, make_store, write_truth
from wsegs.errors import DataError, MissingError, OptionError
from wsegs.geometry.frame import Frame
from wsegs.geometry.matrices import scale_affine
from wsegs.geometry.warp import warp_image
from wsegs.io.images import read_image
from wsegs.nets import IGNORE_INDEX
from wsegs.tasks.batch import SampleFields
from wsegs.training.plan import ClassMapPlan
from wsegs.training.samples.class_maps import RegionClasses, open_class_maps, paint_regions, painting_order
from wsegs.training.samples.opening import OpenStore
from wsegs.training.samples.store_source import StoreSource

CLASSES = "classes: {ground: 0, eye: 7, lip: 300}\nregions: {ground: ground, eyes: eye, mouth: lip}"


def _human(store, folder, tmp_path, classes=CLASSES, **options):
    """Return the human masks in a folder of a store's images."""
    (tmp_path / "classes.yaml").write_text(classes)
    plan = ClassMapPlan("masks", str(folder), str(tmp_path / "classes.yaml"), ())
    return open_class_maps(plan, store, "masks.h5", **options)


def _read(maps, store, root, row, size):
    """Return the classes of a row, as a mini-batch has them."""
    return StoreSource(OpenStore(store, root), size, maps).read([row], SampleFields(classes=size)).classes[0].numpy()


def test_the_later_region_is_painted_over_the_earlier() -> None:
    bits = np.array([[0b000, 0b001, 0b011], [0b111, 0b100, 0b110]], np.uint16)
    assert paint_regions(bits, (2, 0, 1)).tolist() == [[0, 1, 2], [2, 3, 2]]
    assert paint_regions(bits, (1, 0, 2)).tolist() == [[0, 1, 1], [3, 3, 3]]


@given(st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=20), st.permutations(range(16)))
def test_a_pixel_has_a_class_of_its_own_regions(values, order) -> None:
    for value, painted in zip(values, paint_regions(np.array(values, np.uint16), order), strict=True):
        own = [region for region in order if value >> region & 1]
        assert painted == (own[-1] + 1 if own else 0)


def test_small_regions_lie_over_large_ones(store, faces) -> None:
    maps = RegionClasses(store, ("background", "mouth", "eyes"), painting_order(store, np.arange(20)))
    areas = [np.count_nonzero(store.regions(range(20)) & (1 << region)) for region in maps.order]
    assert areas == sorted(areas, reverse=True)
    again = pickle.loads(pickle.dumps(maps))
    assert _read(again, store, faces, 0, (9, 7)).tolist() == _read(maps, store, faces, 0, (9, 7)).tolist()


def test_an_image_without_a_face_is_unknown(store, faces) -> None:
    maps = RegionClasses(store, ("background", "mouth", "eyes"), (0, 1))
    assert (_read(maps, store, faces, 3, (9, 7)) == IGNORE_INDEX).all()
    assert not (_read(maps, store, faces, 2, (9, 7)) == IGNORE_INDEX).any()


@pytest.mark.parametrize("frame", [Frame("image", SIZE), Frame("image", (96, 84)), Frame("face", (109, 89))])
def test_human_masks_lie_on_their_faces(frame, table, faces, tmp_path) -> None:
    """A mask that is twice as large as its image, and cut from it by a threshold, lies on it in any frame."""
    store = make_store(tmp_path, table, frame)
    image = read_image(faces / table.images[0])
    large = cv2.resize(image[..., 0], (2 * SIZE[1], 2 * SIZE[0]), interpolation=cv2.INTER_NEAREST)
    (tmp_path / "masks" / "faces").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "masks" / "faces" / "000.png"), np.where(large > 120, 300, 0).astype(np.uint16))
    size = (60, 50)
    classes = _read(_human(store, tmp_path, tmp_path, fill=False), store, faces, 0, size)
    assert set(np.unique(classes)) <= {0, 2, IGNORE_INDEX}
    affine = scale_affine(store.affine[0], store.size, size)
    crop = warp_image(np.where(image[..., :1] > 120, 255, 0).repeat(3, axis=2).astype(np.uint8), affine, size)
    inside = classes != IGNORE_INDEX
    clear = inside & ((crop[..., 0] < 30) | (crop[..., 0] > 225))  # not on an edge that the warp has blurred
    assert clear.mean() > 0.3
    assert ((classes == 2) == (crop[..., 0] > 127))[clear].mean() > 0.99


def test_background_or_unknown_where_the_photo_ends(table, faces, tmp_path) -> None:
    store = make_store(tmp_path, table, Frame("face", (109, 89), zoom=0.5))
    write_truth(tmp_path / "truth", table)
    known = _read(_human(store, tmp_path / "truth", tmp_path, fill=False), store, faces, 0, (109, 89))
    filled = _read(_human(store, tmp_path / "truth", tmp_path), store, faces, 0, (109, 89))
    assert known[0, 0] == IGNORE_INDEX
    assert filled[0, 0] == 0
    assert (known == filled)[known != IGNORE_INDEX].all()
    assert set(np.unique(known)) == {0, 1, 2, IGNORE_INDEX}


def test_missing_masks_are_counted(store, faces, table, tmp_path) -> None:
    with pytest.raises(MissingError, match="nowhere: no such folder"):
        _human(store, tmp_path / "nowhere", tmp_path)
    write_truth(tmp_path, table)
    (tmp_path / "masks" / "faces" / "002.png").unlink()
    maps = _human(store, tmp_path, tmp_path)
    maps.check(np.array([0, 1]))
    with pytest.raises(MissingError, match=r"002\.png: no such mask.*1 of 3 masks"):
        maps.check(np.array([0, 1, 2]))


def test_a_mask_of_another_shape_is_not_of_that_image(store, faces, table, tmp_path) -> None:
    write_truth(tmp_path, table)
    cv2.imwrite(str(tmp_path / "masks" / "faces" / "002.png"), np.zeros((64, 64), np.uint8))
    with pytest.raises(DataError, match=r"002\.png: 64x64, expected the shape of its image .*64x56"):
        _read(_human(store, tmp_path, tmp_path), store, faces, 2, (9, 7))


def test_a_class_number_makes_up_one_class(store, faces, tmp_path) -> None:
    with pytest.raises(OptionError, match=r"classes\.yaml: class 2 is in 'eyes' and in 'mouth'"):
        _human(store, tmp_path, tmp_path, "regions: {eyes: [1, 2], mouth: 2}")
