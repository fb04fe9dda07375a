"""Building a store: what is written, what is refused, what is left when it fails."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest

from wsegs.errors import DataError, OutputExistsError, RuleError
from wsegs.geometry.frame import Frame
from wsegs.geometry.matrices import transform_points
from wsegs.io.integrity import write_digests
from wsegs.rules import compile_rules, load_rules
from wsegs.schemes import CELEBA5, IBUG68
from wsegs.store import MaskStore
from wsegs.store.writing.build import build_store, match_attributes

FRAME = Frame("image", (218, 178))
RULES = """
version: 1
scheme: ibug68
regions:
  mouth: {polygon: [48..59]}
  jaw: {polygon: [0..16]}
attributes:
  Smiling: mouth
  Bearded: jaw - mouth
"""

FIVE = """
version: 1
scheme: celeba5
space: face
regions:
  eyes: {circle: {center: 0, radius: 0.2}, mirror: true}
attributes: {}
default: eyes
"""


def test_masks_are_what_the_rules_draw(table, store):
    rules = load_rules("attparsenet-2020")
    regions = rules.draw(table.landmarks, FRAME.size)
    expected = rules.lookup(table.attribute_names).expand(regions, table.attributes)
    np.testing.assert_array_equal(store.regions(range(7)), regions)
    np.testing.assert_array_equal(store.masks(range(7)), expected)
    assert expected.any(axis=(1, 2, 3)).tolist() == [True] * 4 + [False] + [True] * 2


@pytest.mark.slow
def test_any_number_of_processes_gives_the_same_bytes(table, tmp_path):
    rules = load_rules("celeba")
    for jobs in (1, 2):
        build_store(table, rules, FRAME, tmp_path / f"{jobs}.h5", jobs=jobs)
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "2.h5").read_bytes()


def test_dense_layout_holds_the_expanded_masks(table, tmp_path):
    build_store(table, load_rules("celeba"), FRAME, tmp_path / "masks.h5", layout="dense", jobs=1)
    store = MaskStore(tmp_path / "masks.h5")
    with h5py.File(tmp_path / "masks.h5") as file:
        assert file["masks"].dtype == bool
        np.testing.assert_array_equal(file["masks"][:], store.masks(range(7)))


def test_face_frame_leaves_out_images_without_a_face(table, tmp_path):
    frame = Frame("face", (109, 89))
    summary = build_store(table, load_rules("celeba"), frame, tmp_path / "masks.h5", jobs=1)
    store = MaskStore(tmp_path / "masks.h5")
    assert summary["left_out"] == 1
    assert store.images == tuple(name for i, name in enumerate(table.images) if i != 4)
    assert store.size == (109, 89)
    # Landmarks are kept in the frame, and the kept matrix takes the source's points there.
    np.testing.assert_allclose(
        store.landmarks[0], transform_points(table.landmarks[:1], store.affine[:1])[0], atol=1e-3
    )


def test_summary_counts_empty_regions(table, tmp_path):
    text = RULES.replace("jaw: {polygon: [0..16]}", "jaw: {polygon: [0..16], when: x0 > 1000}")
    table = replace(table, attribute_names=(), attributes=np.zeros((7, 0), np.int8))
    summary = build_store(table, compile_rules(text, "own.yaml"), FRAME, tmp_path / "masks.h5", jobs=1)
    assert summary["empty_regions"] == {"jaw": 6}
    assert summary["faces"] == 6


@pytest.mark.slow
@pytest.mark.parametrize("size", [(33, 17), (32, 18), (20, 20)])
@pytest.mark.parametrize("regions", [2, 17, 33])
def test_empty_regions_are_those_without_a_pixel(table, tmp_path, size, regions):
    text = "\n".join(
        ["version: 1", "scheme: ibug68", "regions:"]
        + [f"  r{i}: {{circle: {{center: {i}, radius: 1}}, when: x0 * {i + 1} > 40 * {i % 3}}}" for i in range(regions)]
        + ["attributes: {}", "default: r0"]
    )
    rules = compile_rules(text, "own.yaml")
    summary = build_store(table, rules, Frame("image", size), tmp_path / "masks.h5", jobs=1)
    with MaskStore(tmp_path / "masks.h5") as store:
        drawn = store.regions([row for row in range(7) if row != 4]).reshape(6, -1)
    bits = drawn[:, :, None].astype(np.uint64) >> np.arange(regions, dtype=np.uint64) & np.uint64(1)
    empty = (~bits.astype(bool).any(axis=1)).sum(axis=0)
    assert summary["empty_regions"] == {f"r{i}": n for i, n in enumerate(empty.tolist()) if n}
    assert len(summary["empty_regions"]) > 0


def test_every_hdf5_reads_it(store):
    with h5py.File(store.path) as file:
        regions = file["regions"]
        assert (regions.chunks, regions.compression, regions.shuffle) == ((1, 218, 178), "gzip", False)
        for name in ("attributes", "landmarks", "affine", "image", "identity"):
            assert (file[name].chunks[0], file[name].compression) == (7, "gzip")
        np.testing.assert_array_equal(regions[3], store.regions([3])[0])


@pytest.mark.slow
def test_long_and_odd_names(table, tmp_path):
    for names in (("é" * 128, "a b\n.jpg", "x" * 256), ("é" * 129, "c", "d" * 3000), ("a", "b", "c")):
        few = replace(table.select(range(3)), images=names)
        build_store(few, load_rules("celeba"), FRAME, tmp_path / "m.h5", jobs=1, force=True)
        with MaskStore(tmp_path / "m.h5") as store:
            assert store.images == names


def test_rows_keep_their_names_labels_and_splits(table, store):
    assert store.images == table.images
    np.testing.assert_array_equal(store.attributes, table.attributes)
    np.testing.assert_array_equal(store.identity, table.identity)
    np.testing.assert_array_equal(store.split, table.split)
    np.testing.assert_array_equal(store.status, table.status)


def test_an_existing_output_is_kept(table, tmp_path):
    (tmp_path / "masks.h5").write_text("precious")
    with pytest.raises(OutputExistsError, match="--force"):
        build_store(table, load_rules("celeba"), FRAME, tmp_path / "masks.h5", jobs=1)
    assert (tmp_path / "masks.h5").read_text() == "precious"


def test_a_failure_leaves_no_file(table, tmp_path, monkeypatch):
    def fail(*args: object, **options: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("wsegs.store.writing.draw_rows.encode_chunk", fail)
    with pytest.raises(OSError, match="disk full"):
        build_store(table, load_rules("celeba"), FRAME, tmp_path / "masks.h5", jobs=1)
    assert list(tmp_path.iterdir()) == []


def test_rules_of_another_scheme_are_refused(table, tmp_path):
    five = table.as_scheme(CELEBA5)
    with pytest.raises(DataError, match="celeba: expected landmarks of the scheme 'ibug68', got 'celeba5'"):
        build_store(five, load_rules("celeba"), FRAME, tmp_path / "masks.h5")


def test_a_scheme_of_the_same_name_and_other_points_is_refused(table, tmp_path):
    other = replace(IBUG68, nose=(33,))
    with pytest.raises(DataError, match="got 'ibug68' of that name with other points"):
        build_store(replace(table, scheme=other), load_rules("celeba"), FRAME, tmp_path / "masks.h5")


def test_rules_for_five_points_draw_on_any_scheme(table, tmp_path):
    rules = compile_rules(FIVE, "five.yaml")
    summary = build_store(table, rules, FRAME, tmp_path / "masks.h5", jobs=1)
    assert (summary["scheme"], summary["reduced_from"]) == ("celeba5", "ibug68")
    store = MaskStore(tmp_path / "masks.h5")
    assert store.scheme.agrees_with(CELEBA5)
    np.testing.assert_array_equal(store.landmarks, IBUG68.five_points(table.landmarks))
    np.testing.assert_array_equal(store.regions(range(7)), rules.draw(store.landmarks, FRAME.size))
    again = build_store(table.as_scheme(CELEBA5), rules, FRAME, tmp_path / "five.h5", jobs=1)
    assert again["reduced_from"] is None
    np.testing.assert_array_equal(MaskStore(tmp_path / "five.h5").regions(range(7)), store.regions(range(7)))


def test_a_store_that_only_names_its_scheme_is_read(store):
    store.close()
    with h5py.File(store.path, "r+") as file:
        del file["scheme"]
    write_digests(store.path)
    with MaskStore(store.path) as old:
        assert old.scheme == IBUG68
    with h5py.File(store.path, "r+") as file:
        file["scheme"] = "{"
    write_digests(store.path)
    with pytest.raises(DataError, match=r"masks\.h5: "):
        MaskStore(store.path)


def test_no_face_at_all_is_an_error(table, tmp_path):
    table = replace(table, status=np.zeros(7, np.uint8))
    with pytest.raises(DataError, match="no face was found"):
        build_store(table, load_rules("celeba"), Frame("face", (218, 178)), tmp_path / "masks.h5")


def test_attributes_must_match_the_data_set():
    rules = compile_rules(RULES, "own.yaml")
    assert match_attributes(("Bearded", "Smiling"), rules) == ("Bearded", "Smiling")
    assert match_attributes((), rules) == ("Smiling", "Bearded")
    with pytest.raises(
        RuleError, match=r"own.yaml: attribute 'Bearded' .*did you mean 'Beard'.*--shared-attributes-only"
    ):
        match_attributes(("Smiling", "Beard"), rules)
    assert match_attributes(("Young", "Smiling"), rules, shared_attributes_only=True) == ("Smiling",)
    with pytest.raises(RuleError, match="no attribute of the rules"):
        match_attributes(("Young",), rules, shared_attributes_only=True)
