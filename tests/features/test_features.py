"""Features by region: what is written is what the network says, and bad files are refused in one line."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from wsegs.errors import DataError, MissingError
from wsegs.features.build import Rows, build_features
from wsegs.features.format import MEAN_FACE, OWN, UNREADABLE, difference, is_feature_file
from wsegs.features.reader import FeatureStore
from wsegs.features.verify import verify_features
from wsegs.io.images import read_image
from wsegs.nets.images import normalise
from wsegs.training.fitting.feature_files import build_planned_features, features_path, open_or_build_features
from wsegs.training.plan import TrainingPlan
from wsegs.training.recipe import load_recipe
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.weights import load_trunks, seeded_network


def probe_plan(store, **fields) -> TrainingPlan:
    """Return the plan of a probe on small images of a tiny store."""
    recipe = load_recipe("region-probe", {"size": (64, 56), "network.strides": [4, 8], **fields})
    return resolve(recipe, Overrides(masks=store.path))


@pytest.fixture(scope="module")
def plan(store) -> TrainingPlan:
    return probe_plan(store)


@pytest.fixture(scope="module")
def path(plan, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("features") / "features.h5"
    build_planned_features(plan, path, jobs=1)
    return path


def test_features_are_what_the_network_says_in_each_region(plan, store, path):
    network = seeded_network(plan).eval()
    load_trunks(network, plan)
    features = FeatureStore(path)
    assert features.region_names == ("mouth", "eyes")
    assert features.blocks == ((4, 24), (8, 40))
    row = store.row("faces/007.png")
    image = torch.from_numpy(read_image(store.data_root / "faces/007.png")).permute(2, 0, 1)[None]
    bits = torch.from_numpy(store.regions([row], network.region_size).astype(np.int64))
    regions = torch.stack([bits & 1, (bits >> 1) & 1], dim=1).float()
    with torch.no_grad():
        maps = network.backbone(normalise(image))
    (there,) = features.rows_of(["faces/007.png"])
    for stride, of_stride in maps.items():
        share = torch.nn.functional.adaptive_avg_pool2d(regions, of_stride.shape[2:])
        for region in range(2):
            by_hand = (of_stride * share[:, region, None]).sum(dim=(2, 3)) / share[:, region].sum()
            np.testing.assert_allclose(features[f"s{stride}"][there, region], by_hand[0], atol=2e-2)
        np.testing.assert_allclose(features[f"s{stride}"][there, 2], of_stride.mean(dim=(2, 3))[0], atol=1e-2)


def test_an_image_without_a_face_has_the_mean_faces_regions(store, path):
    features = FeatureStore(path)
    assert features.status[store.row("faces/003.png")] == MEAN_FACE
    assert (features.status == OWN).sum() == len(store) - 1
    assert np.abs(features["s4"][store.row("faces/003.png"), :2]).max() > 0


def test_three_lines_read_a_file_without_torch(path):
    program = (
        f"import wsegs, sys; features = wsegs.FeatureStore({str(path)!r});"
        "x = features.matrix([3, 0]); assert x.shape == (2, 3 * 64), x.shape;"
        "assert 'torch' not in sys.modules and 'dlib' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_matrix_lays_out_strides_then_regions(path):
    features = FeatureStore(path)
    matrix = features.matrix([5, 1, 5])
    assert matrix.dtype == np.float16
    np.testing.assert_array_equal(matrix[0], matrix[2])
    chosen = np.arange(len(features)) % 2 == 1
    np.testing.assert_array_equal(features.matrix(chosen), features.matrix(np.flatnonzero(chosen)))
    np.testing.assert_array_equal(features.matrix(slice(-2, None)), features.matrix([-2, -1]))
    for wrong in (chosen[1:], [0.0], ["a"]):
        with pytest.raises(IndexError, match=r"expected a (boolean array|slice, rows)"):
            features.matrix(wrong)
    np.testing.assert_array_equal(matrix[1, :72].reshape(3, 24), features["s4"][1])
    np.testing.assert_array_equal(matrix[1, 72:].reshape(3, 40), features["s8"][1])


class _Rows:
    """Rows of chance for a writer; some cannot be read."""

    def __init__(self, count: int, unreadable: tuple[int, ...] = (), stop_at: int | None = None) -> None:
        self.count, self.unreadable, self.stop_at = count, unreadable, stop_at

    def __len__(self) -> int:
        return self.count

    def read(self, rows):
        if self.stop_at is not None and rows[-1] >= self.stop_at:
            raise KeyboardInterrupt
        values = np.stack([np.random.default_rng(row).normal(size=(3, 5)) for row in rows]).astype(np.float16)
        bad = np.isin(rows, self.unreadable)
        values[bad] = np.nan
        return Rows(
            {"s8": values}, np.where(bad, UNREADABLE, OWN).astype(np.uint8), tuple(f"{r}: no" for r in rows[bad])
        )

    def stream(self, parts, jobs):
        return None


def _build(path: Path, rows: _Rows, **options):
    names = tuple(f"{row:04}.jpg" for row in range(rows.count))
    return build_features(rows, names, ("a", "b"), {"of": "chance"}, path, jobs=1, **options)


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200])
def test_all_rows_are_written_whatever_their_number(tmp_path, count):
    _build(tmp_path / "f.h5", _Rows(count))
    features = FeatureStore(tmp_path / "f.h5")
    expected = np.stack([np.random.default_rng(row).normal(size=(3, 5)) for row in range(count)]).astype(np.float16)
    np.testing.assert_array_equal(features["s8"][:], expected)
    np.testing.assert_array_equal(features.matrix(range(count)), expected.reshape(count, -1))
    assert verify_features(tmp_path / "f.h5").lines == []


def test_an_interrupted_call_goes_on_and_gives_the_same_bytes(tmp_path):
    _build(tmp_path / "whole.h5", _Rows(200))
    with pytest.raises(KeyboardInterrupt):
        _build(tmp_path / "cut.h5", _Rows(200, stop_at=130))
    assert not (tmp_path / "cut.h5").exists()
    assert (tmp_path / "cut.h5.partial").exists()
    read = []
    rows = _Rows(200)
    original = rows.read
    rows.read = lambda part: read.append(int(part[0])) or original(part)
    _build(tmp_path / "cut.h5", rows)
    assert read == [128, 192]
    assert (tmp_path / "cut.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()
    assert not (tmp_path / "cut.h5.partial").exists()


def test_an_unreadable_image_is_named_and_the_rest_goes_on(tmp_path):
    summary = _build(tmp_path / "f.h5", _Rows(70, unreadable=(66,)))
    assert summary["unreadable"] == ["66: no"]
    assert np.isnan(FeatureStore(tmp_path / "f.h5")["s8"][66]).all()
    assert verify_features(tmp_path / "f.h5").lines == []
    with pytest.raises(DataError, match="no image could be read; the first: 0: no"):
        _build(tmp_path / "g.h5", _Rows(3, unreadable=(0, 1, 2)))
    assert not (tmp_path / "g.h5.partial").exists()


def test_every_changed_byte_of_features_is_found(tmp_path):
    path = tmp_path / "f.h5"
    _build(path, _Rows(70))
    with h5py.File(path) as file:
        place = file["s8"].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[place + 7 * 3 * 5 * 2] ^= 1  # a byte of row 7
    path.write_bytes(data)
    lines = verify_features(path).lines
    assert any(line.startswith("0007.jpg: ") for line in lines), lines
    assert not any("0008.jpg" in line for line in lines)
    with pytest.raises(DataError, match=r"the features of '0007.jpg' are damaged"):
        FeatureStore(path).matrix(range(70))


def test_other_files_are_refused(tmp_path, store):
    with pytest.raises(MissingError, match="no such file of features; wsegs features makes it"):
        FeatureStore(tmp_path / "none.h5")
    with pytest.raises(DataError, match="expected features, got another HDF5 file"):
        FeatureStore(store.path)
    assert not is_feature_file(store.path)
    (tmp_path / "text.h5").write_text("text")
    with pytest.raises(DataError, match="damaged"):
        FeatureStore(tmp_path / "text.h5")


@pytest.mark.parametrize(
    ("change", "said"),
    [({"network.strides": [8]}, "network: "), ({"size": (72, 56)}, r"size: \[64, 56\] there, \[72, 56\] wanted")],
)
def test_features_of_something_else_are_refused_by_what_differs(store, path, change, said):
    with pytest.raises(DataError, match=f"features of something else [(]{said}"):
        open_or_build_features(probe_plan(store, **change), path)


def test_features_of_other_rules_are_refused(plan, store, path, tmp_path, table):
    from tests.training.tiny import RULES, make_store

    other = make_store(tmp_path, table, rules=RULES.replace("48..59", "48..60"))
    with pytest.raises(DataError, match="rules: "):
        open_or_build_features(probe_plan(other), path)


def test_difference_names_what_only_one_side_has():
    assert difference({"a": 1}, {"a": 1}) == ""
    assert difference({"a": 1, "b": 2}, {"a": 1}) == "b: 2 there, null wanted"


def test_mirrored_copies_are_features_of_the_mirrored_image(store, tmp_path):
    plan = probe_plan(store, **{"fit.mirrored_copies": True})
    build_planned_features(plan, tmp_path / "f.h5", jobs=1)
    features = FeatureStore(tmp_path / "f.h5")
    assert features.has_mirrored
    assert not np.array_equal(features.matrix([0]), features.matrix([0], mirrored=True))
    assert verify_features(tmp_path / "f.h5").lines == []


def test_two_processes_write_what_one_writes(plan, path, tmp_path):
    build_planned_features(plan, tmp_path / "two.h5", jobs=2)
    assert (tmp_path / "two.h5").read_bytes() == path.read_bytes()


def test_files_lie_beside_their_store(plan):
    assert features_path(plan).name == "features.h5"
    other = replace(plan, sources=(replace(plan.main, path=Path("there/celeba.h5")),))
    assert features_path(other) == Path("there/celeba.features.h5")
