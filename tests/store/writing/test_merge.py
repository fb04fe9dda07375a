"""Shards: their union is the store of one run, byte for byte, and what does not belong together is refused."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest

from wsegs.errors import DataError, OptionError, OutputExistsError
from wsegs.geometry.frame import Frame
from wsegs.io.integrity import write_digests
from wsegs.rules import load_rules
from wsegs.store import MaskStore
from wsegs.store.writing.build import build_store
from wsegs.store.writing.merge import merge_shards

FRAME = Frame("image", (109, 89))


def _shards(table, folder, of, layout="regions"):
    paths = [folder / f"masks.{number}-of-{of}.h5" for number in range(1, of + 1)]
    for number, path in enumerate(paths, 1):
        build_store(table, load_rules("celeba"), FRAME, path, layout=layout, shard=(number, of), jobs=1)
    return paths


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["regions", "dense"])
@pytest.mark.parametrize("of", [1, 3, 7])
def test_merged_shards_are_the_store_of_one_run(table, tmp_path, of, layout):
    build_store(table, load_rules("celeba"), FRAME, tmp_path / "whole.h5", layout=layout, jobs=1)
    paths = _shards(table, tmp_path, of, layout=layout)
    summary = merge_shards(paths[::-1], tmp_path / "merged.h5")
    assert (summary["shards"], summary["images"]) == (of, 7)
    assert (tmp_path / "merged.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


@pytest.mark.slow
def test_a_shard_is_a_store_of_its_own(table, tmp_path):
    build_store(table, load_rules("celeba"), FRAME, tmp_path / "whole.h5", jobs=1)
    whole = MaskStore(tmp_path / "whole.h5")
    images, regions = [], []
    for path in _shards(table, tmp_path, 3):
        with MaskStore(path) as shard:
            images += shard.images
            regions.append(shard.regions(range(len(shard))))
    assert tuple(images) == whole.images
    np.testing.assert_array_equal(np.concatenate(regions), whole.regions(range(7)))


@pytest.mark.slow
def test_columns_of_several_chunks_are_merged(table, tmp_path, monkeypatch):
    monkeypatch.setattr("wsegs.store.writing.write.ROWS_A_CHUNK", 2)
    build_store(table, load_rules("celeba"), FRAME, tmp_path / "whole.h5", jobs=1)
    merge_shards(_shards(table, tmp_path, 2), tmp_path / "merged.h5")
    assert (tmp_path / "merged.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()
    with MaskStore(tmp_path / "merged.h5") as store:
        np.testing.assert_array_equal(store.attributes, table.attributes)
        np.testing.assert_array_equal(store.identity, table.identity)


@pytest.mark.slow
def test_a_missing_shard_and_one_that_is_there_twice(table, tmp_path):
    first, second, third = _shards(table, tmp_path, 3)
    with pytest.raises(OptionError, match="expected 3 shards, got 2; missing: 2 of 3"):
        merge_shards([first, third], tmp_path / "m.h5")
    (tmp_path / "copy.h5").write_bytes(second.read_bytes())
    with pytest.raises(OptionError, match=r"masks\.2-of-3\.h5 and .*copy\.h5: both are shard 2 of 3"):
        merge_shards([first, second, tmp_path / "copy.h5", third], tmp_path / "m.h5")
    assert not (tmp_path / "m.h5").exists()


@pytest.mark.slow
def test_shards_of_different_runs(table, tmp_path):
    first, second = _shards(table, tmp_path, 2)
    frame = Frame("image", (54, 44))
    build_store(table, load_rules("celeba"), frame, tmp_path / "small.h5", shard=(2, 2), jobs=1)
    with pytest.raises(OptionError, match=r"small\.h5: expected the same 'frame' as in .*masks\.1-of-2\.h5"):
        merge_shards([first, tmp_path / "small.h5"], tmp_path / "m.h5")
    other = replace(table, provenance={"data": {"name": "other"}})
    build_store(other, load_rules("celeba"), FRAME, tmp_path / "other.h5", shard=(2, 2), jobs=1)
    with pytest.raises(OptionError, match=r"other\.h5: expected the same 'provenance'"):
        merge_shards([first, tmp_path / "other.h5"], tmp_path / "m.h5")
    shifted = replace(table, images=(*table.images[3:], *table.images[:3]))
    build_store(shifted, load_rules("celeba"), FRAME, tmp_path / "shifted.h5", shard=(2, 2), jobs=1)
    with pytest.raises(OptionError, match=r"the image folder/face \d\.jpg is in .*1-of-2\.h5, too"):
        merge_shards([first, tmp_path / "shifted.h5"], tmp_path / "m.h5")
    with pytest.raises(OptionError, match="expected one of 2 shards"):
        merge_shards([first, _shards(table, tmp_path, 3)[1]], tmp_path / "m.h5")
    with pytest.raises(OutputExistsError):
        merge_shards([first, second], second, force=True)


def test_what_is_no_shard(store, tmp_path):
    with pytest.raises(DataError, match=r"masks\.h5: expected a shard, .* got a whole store"):
        merge_shards([store.path], tmp_path / "m.h5")
    store.close()
    with h5py.File(store.path, "r+") as file:
        file.attrs["shard"] = "[1]"
    write_digests(store.path)
    with pytest.raises(DataError, match="expected a shard"):
        merge_shards([store.path], tmp_path / "m.h5")


@pytest.mark.parametrize("shard", [(0, 2), (3, 2), (1, 8)])
def test_shards_that_cannot_be(table, tmp_path, shard):
    with pytest.raises(OptionError, match="at most as many shards as images, 7"):
        build_store(table, load_rules("celeba"), FRAME, tmp_path / "m.h5", shard=shard, jobs=1)
