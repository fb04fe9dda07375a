from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest
import torch

from tests.training.tiny import SIZE, batch_plan, make_store, store_samples, store_split, tiny_recipe
from wsegs.errors import DataError, MissingError
from wsegs.geometry.frame import Frame
from wsegs.io.images import read_image
from wsegs.store import MaskStore
from wsegs.store.images import find_image_root
from wsegs.tasks.batch import Batch
from wsegs.training.lightning.failures import one_line
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.samples.checks import check_images
from wsegs.training.samples.loaders import Loaders
from wsegs.training.samples.opening import OpenStore

# Python 3.12 and later warn of it; the loader's workers start from a process that only reads.
forks = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def _assert_same(one: Batch, other: Batch) -> None:
    assert one.classes is other.classes is None
    for name in set(Batch._fields) - {"classes"}:
        torch.testing.assert_close(getattr(one, name), getattr(other, name), rtol=0, atol=0, equal_nan=True)


def test_a_batch_holds_what_store_and_files_hold(store, faces) -> None:
    batch = store_samples(store, faces, SIZE, SIZE)[batch_plan(7, 3)]
    assert (batch.images.dtype, batch.images.shape) == (torch.uint8, (2, 3, *SIZE))
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    for position, row in enumerate((7, 3)):
        image = read_image(faces / store.images[row])
        np.testing.assert_array_equal(batch.images[position].permute(1, 2, 0).numpy(), image)
    np.testing.assert_array_equal(batch.labels["attributes"].numpy(), store.attributes[[7, 3]])
    np.testing.assert_array_equal(batch.regions.numpy(), store.regions([7, 3]))
    assert batch.has_face.tolist() == [True, False]


def test_padding_is_black_and_knows_nothing(store, faces) -> None:
    batch = store_samples(store, faces, (32, 28), (9, 7))[batch_plan(-1, 0)]
    assert not batch.images[0].any()
    assert not batch.regions[0].any()
    assert (batch.labels["attributes"][0] == -1).all()
    assert batch.has_face.tolist() == [False, True]
    assert batch.images[1].any()


def test_no_masks_are_read_where_no_loss_needs_them(store, faces) -> None:
    assert store_samples(store, faces, (32, 28))[batch_plan(0)].regions is None


@pytest.mark.parametrize("frame", [Frame("image", SIZE), Frame("image", (128, 112)), Frame("face", (109, 89))])
def test_crops_lie_under_their_masks(frame, table, tmp_path) -> None:
    """Paint the masks into the source images: what the network sees must be the masks again."""
    store = make_store(tmp_path, table, frame)
    (tmp_path / "faces").mkdir()
    for row in range(3):
        back = cv2.invertAffineTransform(store.affine[row].astype(float))
        eyes = (store.regions([row])[0] & 2 > 0).astype(np.uint8) * 255
        painted = cv2.warpAffine(eyes, back, SIZE[::-1], flags=cv2.INTER_LINEAR)
        cv2.imwrite(str(tmp_path / store.images[row]), np.repeat(painted[..., None], 3, axis=2))
    size = (218, 178)
    batch = store_samples(store, tmp_path, size, size)[batch_plan(0, 1, 2)]
    seen, wanted = batch.images[:, 0] > 127, batch.regions & 2 > 0
    assert wanted.any(dim=(1, 2)).all()
    assert (seen & wanted).sum() / (seen | wanted).sum() > 0.75


@pytest.mark.slow
@forks
@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_workers_give_what_one_process_gives(store, faces, start_method) -> None:
    plan = resolve(tiny_recipe(validate_every=2), Overrides(masks=store.path))
    store.regions([0])  # an open file must not cross into a worker

    def batches(workers: int) -> list[Batch]:
        samples = store_samples(store, faces, (32, 28), (9, 7))
        return list(
            Loaders(plan, [samples], [store_split(store)], workers=workers, start_method=start_method).training()
        )

    alone, apart = batches(0), batches(1)
    assert len(alone) == len(apart) == 2
    for one, other in zip(alone, apart, strict=True):
        _assert_same(one, other)


@pytest.mark.slow
@forks
def test_an_unreadable_image_is_one_line_from_a_worker_too(store, faces, tmp_path) -> None:
    folder = shutil.copytree(faces, tmp_path / "data")
    for image in store.images:
        (folder / image).write_bytes(b"")
    plan = resolve(tiny_recipe(), Overrides(masks=store.path))
    samples = store_samples(store, folder, (32, 28))
    loaders = Loaders(plan, [samples], [store_split(store)], workers=1, start_method="fork")
    with pytest.raises(DataError) as caught:
        next(iter(loaders.training()))
    assert one_line(caught.value).startswith(str(folder / "faces"))
    assert one_line(caught.value).endswith("an empty file")


def test_an_image_of_another_size_is_not_that_of_the_store(store, faces, tmp_path) -> None:
    folder = shutil.copytree(faces, tmp_path / "data")
    cv2.imwrite(str(folder / store.images[0]), np.zeros((50, 40, 3), np.uint8))
    with pytest.raises(DataError, match=r"000.png: 40x50 pixels, expected 56x64 by "):
        store_samples(store, folder, (32, 28))[batch_plan(0)]


def test_a_missing_image_is_named_and_all_are_counted(store, faces, tmp_path) -> None:
    folder = shutil.copytree(faces, tmp_path / "data")
    rows = np.arange(len(store))
    opened = OpenStore(store, folder)
    check_images(opened, rows)
    for name in ("007.png", "004.png"):
        (folder / "faces" / name).unlink()
    with pytest.raises(DataError, match=r"'faces/004.png' is not in .*\(2 of 26 images are missing\)"):
        check_images(opened, rows)
    shutil.rmtree(folder / "faces")
    with pytest.raises(DataError, match="26 of 26"):
        check_images(opened, rows)


@pytest.mark.slow
def test_images_are_found_where_they_were_or_where_the_user_says(store, faces, tmp_path) -> None:
    assert find_image_root(store, None) == faces
    moved = shutil.copytree(faces, tmp_path / "moved")
    assert find_image_root(store, moved) == moved
    with pytest.raises(MissingError, match="no such folder, where the images of"):
        find_image_root(store, tmp_path / "nowhere")


@pytest.mark.slow
def test_a_store_whose_images_moved_says_what_to_do(table, tmp_path) -> None:
    table.provenance["data"]["root"], root = str(tmp_path / "gone"), table.provenance["data"]["root"]
    try:
        store: MaskStore = make_store(tmp_path, table)
    finally:
        table.provenance["data"]["root"] = root
    with pytest.raises(MissingError, match=r"gone: no such folder.*--data names"):
        find_image_root(store, None)
