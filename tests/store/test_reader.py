"""Reading a store: batches, processes, damaged files."""

from __future__ import annotations

import multiprocessing
import pickle
import shutil

import h5py
import numpy as np
import pytest

from wsegs.errors import DataError, MissingError
from wsegs.geometry.resample import resample_nearest
from wsegs.io.integrity import write_digests
from wsegs.store import MaskStore


def test_item_equals_batch(store):
    batch = store.masks([5, 0])
    np.testing.assert_array_equal(store[5], batch[0])
    np.testing.assert_array_equal(store[-7], batch[1])
    with pytest.raises(IndexError):
        store[7]


def test_rows_by_name_slice_and_array(store):
    whole = store.masks(range(7))
    np.testing.assert_array_equal(store["folder/face 3.jpg"], whole[3])
    np.testing.assert_array_equal(store[np.int64(3)], whole[3])
    np.testing.assert_array_equal(store[1:-1:2], whole[1:-1:2])
    np.testing.assert_array_equal(store[[-1, 0, 0]], whole[[-1, 0, 0]])
    np.testing.assert_array_equal(store[np.array([2, 5])], whole[[2, 5]])
    face = store.status != 0
    np.testing.assert_array_equal(store[face], whole[face])
    for nothing in ([], slice(3, 3), np.zeros(7, bool)):
        assert store[nothing].shape == (0, *whole.shape[1:])
    assert "folder/face 3.jpg" in store
    assert "face 3.jpg" not in store
    assert store.row("folder/face 6.jpg") == 6


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (np.array([0, 7]), "row 7 of 7"),
        (-8, "row -8 of 7"),
        (np.ones(6, bool), r"expected a boolean array \(7,\), got \(6,\)"),
        (np.ones((7, 2), bool), r"got ndarray of shape \(7, 2\) and type bool"),
        (1.0, r"expected a row, a slice, rows \(B,\) or a boolean array \(7,\), got float"),
        (True, "got bool"),
        (None, "got NoneType"),
        ([0.0, 1.0], "got list .* type float64"),
        ([0, "a.jpg"], "got list"),
        (["a.jpg"], "got list .* type <U5"),
        ((slice(2), 0), "got tuple .* type object"),
        ([[0], [1, 2]], "got list"),
        (slice("a", None), "expected a slice of whole numbers"),
    ],
)
def test_an_index_that_is_none_says_what_is_one(store, index, message):
    with pytest.raises(IndexError, match=message):
        store[index]
    if isinstance(index, list | np.ndarray):
        for read in (store.masks, store.regions):
            with pytest.raises(IndexError, match=message):
                read(index)


@pytest.mark.parametrize("size", [None, (96, 76)])
def test_masks_select_as_numpy_does(store, size):
    """Booleans are no row numbers."""
    whole, regions = store.masks(range(7), size), store.regions(range(7), size)
    for index in (
        store.split == 2,
        (store.split == 2).tolist(),
        np.arange(7) > 4,
        np.zeros(7, bool),
        slice(1, None, 2),
        np.array([-1, 3], np.int8),
        np.array([6], np.uint64),
        [-7, 6],
    ):
        np.testing.assert_array_equal(store.masks(index, size), whole[index])
        np.testing.assert_array_equal(store.regions(index, size), regions[index])
    np.testing.assert_array_equal(store[np.array(3)], store.masks([3])[0])
    for wrong in (np.ones(6, bool), [True]):
        with pytest.raises(IndexError, match=r"expected a boolean array \(7,\)"):
            store.masks(wrong, size)


def test_an_unknown_name_says_which_is_close(store):
    with pytest.raises(
        DataError, match=r"has no image 'folder/face 8.jpg', one of 7; did you mean 'folder/face \d.jpg'"
    ):
        store["folder/face 8.jpg"]


def test_smaller_masks_are_nearest_neighbours(store):
    (whole,) = store.regions([0])
    (small,) = store.regions([0], size=(96, 76))
    for row, column in ((0, 0), (50, 30), (60, 38), (95, 75)):
        source = (int((row + 0.5) * 218 / 96), int((column + 0.5) * 178 / 76))
        assert small[row, column] == whole[source]
    assert len(np.unique(small)) > 3


@pytest.mark.parametrize("size", [(96, 76), (109, 89), (54, 44), (73, 89), (1, 1), (327, 267), (436, 356)])
def test_nearest_neighbour_commutes_with_a_flip(store, size):
    whole = store.regions([0, 1])
    small = store.regions([0, 1], size)
    np.testing.assert_array_equal(small, resample_nearest(whole, size, np.bitwise_or))
    np.testing.assert_array_equal(resample_nearest(whole[..., ::-1], size, np.bitwise_or), small[..., ::-1])


def test_pickles_without_its_handle(store):
    store.regions([0])
    assert len(pickle.dumps(store)) < 300
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(store)).masks([1]), store.masks([1]))


def _read(store: MaskStore, indices: list[int]) -> np.ndarray:
    return store.masks(indices)


# Python 3.12 warns about fork in a process with threads, which is just what this test is for.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_read_the_same(store, method):
    expected = store.masks([0, 3, 6])
    with multiprocessing.get_context(method).Pool(2) as pool:
        for masks in pool.starmap(_read, [(store, [0, 3, 6])] * 4):
            np.testing.assert_array_equal(masks, expected)
    np.testing.assert_array_equal(store.masks([0, 3, 6]), expected)


def test_a_missing_store_names_the_command(tmp_path):
    with pytest.raises(MissingError, match=r"none.h5: no such mask store; wsegs masks makes it"):
        MaskStore(tmp_path / "none.h5")


def test_a_half_written_store_is_refused(store, tmp_path):
    whole = store.path.read_bytes()
    for share in (0.0, 0.3, 0.9):
        (tmp_path / "half.h5").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(DataError, match=r"half.h5: expected a mask store"):
            MaskStore(tmp_path / "half.h5")


def test_a_folder_is_refused_in_one_line(tmp_path):
    with pytest.raises(DataError, match="expected a mask store, got a folder") as caught:
        MaskStore(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_damaged_image_is_named(store):
    offset = 0
    store.close()
    with h5py.File(store.path, "r+") as file:
        offset = file["regions"].id.get_chunk_info_by_coord((3, 0, 0)).byte_offset
    with store.path.open("r+b") as raw:
        raw.seek(offset + 20)
        raw.write(bytes(40))
    with pytest.raises(DataError, match=r"masks.h5: the masks of 'folder/face 3.jpg' \(row 3\) cannot be read"):
        store.masks([0, 3])
    assert store.masks([0, 2]).any()
    with pytest.raises(IndexError, match=r"row 7 of 7"):
        store.regions([7])


def test_a_store_that_is_open_for_writing_is_not_damaged(store, tmp_path):
    path = tmp_path / "copy.h5"
    shutil.copy(store.path, path)
    with (
        h5py.File(path, "r+"),
        pytest.raises(DataError, match=r"copy.h5: open for writing elsewhere: wait until .* has closed it"),
    ):
        MaskStore(path)
    with h5py.File(path, "r"):  # readers are no writers
        np.testing.assert_array_equal(MaskStore(path).masks([0]), store.masks([0]))


def test_another_hdf5_file_is_refused(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(DataError, match="got another HDF5 file"):
        MaskStore(tmp_path / "other.h5")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.attrs.modify("version", 9), "expected format 1 of the mask store, got 9"),
        (lambda file: file.__delitem__("affine"), "has no 'affine'"),
        (lambda file: file.attrs.__delitem__("frame"), "has no 'frame'"),
        (
            lambda file: (file.__delitem__("split"), file.__setitem__("split", [0])),
            "'split' has 1 rows, 'regions' has 7",
        ),
    ],
)
def test_a_store_with_a_part_missing_is_refused(store, damage, message):
    store.close()
    with h5py.File(store.path, "r+") as file:
        damage(file)
    write_digests(store.path)
    with pytest.raises(DataError, match=message):
        MaskStore(store.path)
