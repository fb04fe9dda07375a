"""A mask store as a PyTorch data set."""

from __future__ import annotations

import pickle
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import wsegs
from wsegs.errors import DataError, MissingError
from wsegs.io.images import read_image


def _mirror(image, masks):
    return image.flip(-1), masks.flip(-1)


def test_items_are_the_stores(store, faces):
    dataset = wsegs.MaskDataset(str(store.path))
    assert len(dataset) == len(store)
    sample = dataset[-1]
    assert sample["image"].dtype == torch.uint8
    np.testing.assert_array_equal(sample["image"].permute(1, 2, 0), read_image(faces / store.images[-1]))
    assert sample["masks"].dtype == torch.bool
    np.testing.assert_array_equal(sample["masks"], store[-1])
    assert sample["labels"].dtype == torch.int8
    np.testing.assert_array_equal(sample["labels"], store.attributes[-1])
    assert sample["name"] == store.images[-1]
    with pytest.raises(IndexError, match="row 26 of 26"):
        dataset[26]
    with pytest.raises(IndexError, match="got bool"):
        dataset[True]


def test_images_and_masks_at_one_size(store):
    sample = wsegs.MaskDataset(store, (32, 28))[0]
    assert sample["image"].shape == (3, 32, 28)
    assert sample["masks"].shape == (3, 32, 28)
    np.testing.assert_array_equal(sample["masks"], store.masks([0], (32, 28))[0])


def test_a_transform_gets_both(store):
    plain, mirrored = wsegs.MaskDataset(store), wsegs.MaskDataset(store, transform=_mirror)
    for name in ("image", "masks"):
        np.testing.assert_array_equal(mirrored[0][name], plain[0][name].flip(-1))
    np.testing.assert_array_equal(mirrored[0]["labels"], plain[0]["labels"])


def test_torchvisions_transforms_know_a_mask(store, monkeypatch):
    # Of plain tensors they move the first alone; a stand-in for the module tells which types they get.
    types = ModuleType("torchvision.tv_tensors")
    for name in ("Image", "Mask"):
        setattr(types, name, type(name, (), {"__init__": lambda self, data: setattr(self, "data", data)}))
    monkeypatch.setitem(sys.modules, "torchvision.tv_tensors", types)
    seen = []

    def transform(image, masks):
        seen.append((type(image), type(masks)))
        return image.data, masks.data

    wsegs.MaskDataset(store, transform=transform)[0]
    assert seen == [(types.Image, types.Mask)]


# Python 3.12 warns about fork in a process with threads, which is just what this test is for.
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_workers_give_what_one_process_gives(store, method):
    dataset = wsegs.MaskDataset(store, (32, 28), _mirror)
    expected = list(DataLoader(dataset, batch_size=8))
    dataset[0]  # the file is open when workers start
    loader = DataLoader(dataset, batch_size=8, num_workers=2, multiprocessing_context=method)
    for got, one in zip(loader, expected, strict=True):
        assert got["name"] == one["name"]
        for name in ("image", "masks", "labels"):
            assert torch.equal(got[name], one[name])
    assert expected[0]["image"].shape == (8, 3, 32, 28)
    assert expected[0]["masks"].shape == (8, 3, 32, 28)


def test_pickles_without_its_images(store):
    dataset = wsegs.MaskDataset(store)
    dataset[0]
    assert len(pickle.dumps(dataset)) < 20_000
    assert torch.equal(pickle.loads(pickle.dumps(dataset))[1]["masks"], dataset[1]["masks"])


def test_what_is_missing_is_named(store, tmp_path):
    with pytest.raises(MissingError, match="no such folder, where the images of"):
        wsegs.MaskDataset(store, data=tmp_path / "elsewhere")
    (tmp_path / "faces").mkdir()
    (tmp_path / store.images[0]).write_bytes(b"")
    dataset = wsegs.MaskDataset(store, data=tmp_path)
    with pytest.raises(DataError, match=r"000\.png"):
        dataset[0]
