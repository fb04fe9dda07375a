"""Stores whose regions were refined by pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import skimage.data
from PIL import Image

from wsegs.errors import DataError, MissingError, OptionError
from wsegs.geometry.frame import Frame
from wsegs.geometry.warp import covered_by_source, warp_image
from wsegs.refine import load_refinement, refine_regions
from wsegs.rules import load_rules
from wsegs.store import MaskStore
from wsegs.store.images import find_root
from wsegs.store.writing.build import build_store
from wsegs.store.writing.refine_rows import RefineOptions

FRAME = Frame("image", (218, 178))


@pytest.fixture
def options(table, tmp_path) -> RefineOptions:
    """The astronaut's photo as each of the table's images, but for the second and third: grey, and no image."""
    photo = skimage.data.astronaut()[20:238, 136:314]
    for row, name in enumerate(table.images):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo[:, :, 1] if row == 1 else photo).save(path, quality=95)
    (tmp_path / "photos" / table.images[2]).write_text("no image")
    return RefineOptions(load_refinement(), tmp_path / "photos")


@pytest.mark.slow
@pytest.mark.parametrize("frame", [FRAME, Frame("face", (109, 89), align_eyes=True, zoom=0.6)])
def test_each_face_is_refined_in_the_stores_frame(table, options, tmp_path, frame):
    rules = load_rules("celeba")
    summary = build_store(table, rules, frame, tmp_path / "masks.h5", refine=options, jobs=1)
    build_store(table, rules, frame, tmp_path / "drawn.h5", jobs=1)
    store, drawn = MaskStore(tmp_path / "masks.h5"), MaskStore(tmp_path / "drawn.h5")
    for row, name in enumerate(store.images):
        (was,), (regions,) = drawn.regions([row]), store.regions([row])
        if name in (table.images[2], table.images[4]):  # no image, no face
            np.testing.assert_array_equal(regions, was)
            continue
        assert not np.array_equal(regions, was)
        image = np.asarray(Image.open(options.root / name).convert("RGB"))
        picture = warp_image(image, store.affine[row], store.size)
        covered = covered_by_source(store.affine[row], (218, 178), store.size)
        expected = refine_regions(was, picture, store.landmarks[row], rules, options.refinement, covered)
        if row != 1:  # decoders of grey files differ by a step here and there
            assert np.mean(regions != expected) < 0.01
    assert summary["refined"]["unrefined_faces"] == 1


@pytest.mark.slow
def test_any_number_of_processes_gives_the_same_bytes(table, options, tmp_path, monkeypatch):
    monkeypatch.setattr("wsegs.store.writing.dispatch._REFINED_ROWS", 3)
    for jobs in (1, 2):
        build_store(table, load_rules("celeba"), FRAME, tmp_path / f"{jobs}.h5", refine=options, jobs=jobs)
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "2.h5").read_bytes()


@pytest.mark.slow
def test_the_store_says_what_was_refined(table, options, tmp_path):
    some = replace(options, refinement=options.refinement.only(["ears"]))
    summary = build_store(table, load_rules("celeba"), FRAME, tmp_path / "masks.h5", refine=some, jobs=1)
    store = MaskStore(tmp_path / "masks.h5")
    assert store.provenance["refined"] == summary["refined"]
    assert store.provenance["data"] == table.provenance["data"]
    assert summary["refined"]["regions"] == ["ears"]
    assert summary["refined"]["method"] == 2
    build_store(table, load_rules("celeba"), FRAME, tmp_path / "drawn.h5", jobs=1)
    drawn = MaskStore(tmp_path / "drawn.h5")
    assert "refined" not in drawn.provenance
    changed = np.bitwise_or.reduce(store.regions(range(7)) ^ drawn.regions(range(7)), axis=None)
    assert changed == 1 << store.region_names.index("ears")


def test_rules_without_the_regions_are_refused(table, options, tmp_path):
    with pytest.raises(OptionError, match="celeba needs the region 'face'"):
        build_store(table, load_rules("attparsenet-2020"), FRAME, tmp_path / "masks.h5", refine=options, jobs=1)
    assert not (tmp_path / "masks.h5").exists()


def test_other_images_than_those_with_the_landmarks_are_refused(table, options, tmp_path):
    Image.fromarray(np.zeros((218, 180, 3), np.uint8)).save(options.root / table.images[0])
    with pytest.raises(DataError, match=r"face 0.jpg: 180x218 pixels, expected 178x218 by its landmarks"):
        build_store(table, load_rules("celeba"), FRAME, tmp_path / "masks.h5", refine=options, jobs=1)
    assert not (tmp_path / "masks.h5").exists()


def test_no_image_at_all_is_an_error(table, options, tmp_path):
    nowhere = replace(options, root=tmp_path)
    with pytest.raises(DataError, match="no image of a face could be read"):
        build_store(table, load_rules("celeba"), FRAME, tmp_path / "masks.h5", refine=nowhere, jobs=1)
    assert not (tmp_path / "masks.h5").exists()


def test_images_lie_where_the_landmarks_were_found(table, options, tmp_path):
    provenance = {"data": {"name": "folder", "root": str(options.root)}}
    assert find_root(provenance, table.images[0], None, "landmarks.h5") == options.root
    with pytest.raises(MissingError, match=r"elsewhere: .*images of landmarks.h5 are expected; --data names"):
        find_root({"data": {"root": str(tmp_path / "elsewhere")}}, table.images[0], None, "landmarks.h5")
