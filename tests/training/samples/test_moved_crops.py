"""Moved crops: images, points, regions and class maps follow one matrix, exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.test_mirror import SIDED_RULES
from tests.training.tiny import RULES, SIZE, make_store, tiny_recipe, write_truth
from wsegs.errors import OptionError
from wsegs.geometry.frame import Frame
from wsegs.geometry.matrices import compose, resize_affine, transform_points
from wsegs.geometry.moves import STAYS, Move
from wsegs.geometry.warp import warp_classes, warp_image, warp_nearest
from wsegs.io.images import read_image
from wsegs.rules import compile_rules
from wsegs.rules.tuning.class_map import ClassMap
from wsegs.store import MaskStore
from wsegs.store.writing.build import build_store
from wsegs.store.writing.encode_crops import CropOptions
from wsegs.tasks.batch import SampleFields
from wsegs.training.plan import MirrorPlan, MovesPlan
from wsegs.training.recipe import load_recipe
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.samples.class_maps import HumanClasses, RegionClasses
from wsegs.training.samples.data_source import DataSource
from wsegs.training.samples.loaders import Loaders, open_source
from wsegs.training.samples.mirror import exchange_bits, mirrored
from wsegs.training.samples.opening import OpenStore, open_data
from wsegs.training.samples.sampler import Moves, TrainingSampler
from wsegs.training.samples.sources import SampleDataset
from wsegs.training.samples.store_source import StoreSource

CROP, MAPS = (32, 28), (17, 15)
MOVE = Move(13.0, 1.1, (2.5, -1.25))
FIELDS = SampleFields(frozenset({"attributes"}), regions=MAPS)


def _moves(*moves: Move, flip: bool = False) -> Moves:
    return Moves(np.full(len(moves), flip), None, moves)


def _equal(one, other) -> None:
    for ours, theirs in zip(one, other, strict=True):
        if ours is not None:
            torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)


@pytest.fixture(params=["image", "face"])
def any_store(request, table, tmp_path) -> MaskStore:
    return make_store(tmp_path, table, Frame(request.param, SIZE))


@pytest.mark.parametrize("moved_masks", ["warped", "drawn"])
def test_moves_that_leave_all_as_it_is_change_no_bit(any_store, faces, moved_masks) -> None:
    source = StoreSource(OpenStore(any_store, faces), CROP, moved_masks=moved_masks)
    rows = [0, 2, 5]
    _equal(source.read(rows, FIELDS), source.read(rows, FIELDS, _moves(STAYS, STAYS, STAYS)))
    for row in rows:  # and so do they by way of the matrix
        np.testing.assert_array_equal(source.moved_crop(row, STAYS), source.crop(row))
        np.testing.assert_array_equal(source.moved_regions(row, MAPS, STAYS), source.regions(np.array([row]), MAPS)[0])


def test_the_image_is_warped_once_from_its_source(any_store, faces) -> None:
    source = StoreSource(OpenStore(any_store, faces), CROP)
    batch = source.read([2], FIELDS, _moves(MOVE))
    (matrix,) = batch.matrix.numpy()
    whole = compose(MOVE.affine(CROP), source.matrix(2))
    np.testing.assert_allclose(matrix, whole, atol=1e-5)
    image = warp_image(read_image(faces / any_store.images[2]), whole, CROP)
    np.testing.assert_array_equal(batch.images[0].permute(1, 2, 0).numpy(), image)


def test_points_lie_where_the_matrix_takes_them(any_store, faces, table) -> None:
    batch = StoreSource(OpenStore(any_store, faces), CROP).read([2], FIELDS, _moves(MOVE))
    in_image = table.scheme.five_points(table.landmarks[2][None])
    np.testing.assert_allclose(batch.points.numpy(), transform_points(in_image, batch.matrix.numpy()), atol=1e-3)


def test_drawn_masks_are_what_the_rules_draw_of_landmarks_moved_before(table, faces, tmp_path) -> None:
    """The store is drawn in the crop's own size: the landmarks can be moved by the same numbers."""
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    store = make_store(tmp_path / "here", table)
    affine = np.repeat(MOVE.affine(SIZE)[None], len(table), axis=0)
    elsewhere = make_store(tmp_path / "there", replace(table, landmarks=transform_points(table.landmarks, affine)))
    source = StoreSource(OpenStore(store, faces), SIZE, moved_masks="drawn")
    rows = np.array([0, 2, 3, 4])  # 3 has no face
    for size in (MAPS, SIZE):
        fields = SampleFields(regions=size)
        drawn = source.read(rows, fields, _moves(*[MOVE] * len(rows))).regions
        np.testing.assert_array_equal(drawn.numpy(), elsewhere.regions(rows, size))
        assert drawn[0].any()
        assert not drawn[2].any()


def test_warped_masks_are_the_warp_of_the_stored_integers(any_store, faces) -> None:
    """Pixel by pixel: each takes the stored pixel whose centre is nearest to where it comes from."""
    source = StoreSource(OpenStore(any_store, faces), CROP)
    warped = source.read([2], FIELDS, _moves(MOVE)).regions[0].numpy()
    (stored,) = any_store.regions([2])
    (resize,) = resize_affine(np.array([SIZE]), MAPS)
    back = np.linalg.inv(np.vstack([compose(resize, MOVE.affine_at(CROP, SIZE)), [0, 0, 1]]))
    for row, column in np.ndindex(MAPS):
        x, y, _ = np.rint(back @ (column, row, 1)).astype(int)
        inside = 0 <= x < SIZE[1] and 0 <= y < SIZE[0]
        assert warped[row, column] == (stored[y, x] if inside else 0)
    assert warped.any()


def test_a_moved_and_mirrored_crop_is_the_mirrored_one_moved_by_the_composed_matrix(table, faces, tmp_path) -> None:
    store = make_store(tmp_path, table, rules=SIDED_RULES)
    source, sides = StoreSource(OpenStore(store, faces), SIZE), MirrorPlan(regions=((1, 2),))
    batch = mirrored(source.read([2], SampleFields(regions=SIZE), _moves(MOVE, flip=True)), sides)
    flip = np.array([[-1.0, 0, SIZE[1] - 1], [0, 1, 0]])
    (stored,) = store.regions([2])
    both = warp_nearest(stored, compose(flip, MOVE.affine(SIZE)), SIZE, 0, np.bitwise_or).astype(np.int32)
    exchanged = exchange_bits(torch.from_numpy(both), ((1, 2),))
    torch.testing.assert_close(batch.regions[0], exchanged)
    assert not torch.equal(exchanged, torch.from_numpy(both))
    plain = source.read([2], SampleFields(), _moves(MOVE)).points.numpy()
    moved = transform_points(plain, flip[None])[:, [1, 0, 2, 4, 3]]
    np.testing.assert_allclose(batch.points.numpy(), moved, atol=1e-4)


def test_a_store_that_keeps_crops_alone_moves_those(table, faces, tmp_path) -> None:
    build_store(
        table,
        compile_rules(RULES, "tiny.yaml"),
        Frame("image", SIZE),
        tmp_path / "masks.h5",
        images=CropOptions(faces, 100),
        jobs=1,
    )
    store = MaskStore(tmp_path / "masks.h5")
    source = StoreSource(OpenStore(store, tmp_path / "nowhere"), CROP)
    image = source.read([2], FIELDS, _moves(MOVE)).images[0].permute(1, 2, 0).numpy()
    (resize,) = resize_affine(np.array([SIZE]), CROP)
    np.testing.assert_array_equal(image, warp_image(store.image(2), compose(MOVE.affine(CROP), resize), CROP))


def test_class_maps_follow(store, faces, table, tmp_path) -> None:
    fields = SampleFields(classes=MAPS)
    source = StoreSource(OpenStore(store, faces), CROP, RegionClasses(store, ("background", "mouth", "eyes"), (0, 1)))
    classes = source.read([2], fields, _moves(MOVE)).classes[0].numpy()
    bits = source.moved_regions(2, MAPS, MOVE)
    np.testing.assert_array_equal(classes, np.where(bits & 2, 2, np.where(bits & 1, 1, 0)))
    write_truth(tmp_path, table)
    human = ClassMap("map", {"rest": (0,), "eyes": (7,), "mouth": (300,)})
    maps = HumanClasses(store.images, "masks", tmp_path / "masks", human)
    source = StoreSource(OpenStore(store, faces), CROP, maps)
    classes = source.read([2], fields, _moves(MOVE)).classes[0].numpy()
    matrix = compose(MOVE.affine_at(CROP, MAPS), source._class_matrix(2, MAPS)).astype(np.float32)
    stored = np.where(store.regions([2])[0] & 2, 1, np.where(store.regions([2])[0] & 1, 2, 0)).astype(np.uint8)
    np.testing.assert_array_equal(classes, warp_classes(stored, matrix, SIZE, MAPS, 0))


def test_crops_of_a_data_set_move_by_one_warp(faces, table) -> None:
    opened = open_data(faces, "letterbox", CROP)
    source = DataSource(opened, CROP)
    batch = source.read([1, 0], SampleFields(), _moves(MOVE, STAYS))
    whole = compose(MOVE.affine(CROP), source.matrix(1))
    image = warp_image(read_image(faces / table.images[1]), whole, CROP)
    np.testing.assert_array_equal(batch.images[0].permute(1, 2, 0).numpy(), image)
    np.testing.assert_array_equal(batch.images[1].permute(1, 2, 0).numpy(), source.crop(0))
    np.testing.assert_array_equal(source.moved_crop(0, STAYS), source.crop(0))


def test_what_is_kept_is_of_crops_as_they_are(store, faces, tmp_path) -> None:
    source = StoreSource(OpenStore(store, faces), CROP)
    moves = _moves(MOVE, STAYS)
    before, plain = source.read([2, 5], FIELDS, moves), source.read([2, 5], FIELDS)
    source.keep_rows(tmp_path, FIELDS)
    for _ in range(2):
        _equal(source.read([2, 5], FIELDS, moves), before)
        _equal(source.read([2, 5], FIELDS), plain)


def _recipe(**fields):
    moved = {"augmentation.rotate": 25, "augmentation.scale": (0.75, 1.2), "augmentation.shift": 4}
    return tiny_recipe(validate_every=2, **{**moved, **fields})


def test_devices_and_a_resumed_training_move_alike(store) -> None:
    plan = resolve(_recipe(), Overrides(masks=store.path))
    arguments = {"seed": 0, "flips": True, "ranges": plan.moves.ranges}
    rows = np.arange(10, 30)
    whole = TrainingSampler(rows, 4, 2, **arguments)
    parts = [TrainingSampler(rows, 4, 2, **arguments, rank=rank, devices=2) for rank in range(2)]
    for step in (0, 3, 7):
        batch = whole.plan(step)
        assert batch.moves.crops == parts[0].plan(step).moves.crops + parts[1].plan(step).moves.crops
        expected = [plan.moves.ranges.draw(0, step // 5, row) for row in batch.rows.tolist()]
        assert list(batch.moves.crops) == expected
        assert TrainingSampler(rows, 4, 2, **arguments).plan(step).moves.crops == batch.moves.crops


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_workers_move_alike(store) -> None:
    moved = resolve(_recipe(), Overrides(masks=store.path))

    def batches(workers, plan=moved):
        _, rows, source = open_source(plan.main, plan.network.size)
        return list(Loaders(plan, [SampleDataset(source, FIELDS)], [rows], workers=workers).training())

    here, there = batches(0), batches(2)
    plain = batches(0, replace(moved, moves=MovesPlan()))
    assert not torch.equal(here[0].images, plain[0].images)
    for one, other in zip(here, there, strict=True):
        for name in ("images", "regions", "points", "matrix"):
            torch.testing.assert_close(getattr(one, name), getattr(other, name), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("region-probe", {"augmentation.rotate": 10}, r"augmentation: expected a recipe that trains .*--finetune"),
        ("facetracer", {"augmentation.colour": 0.1}, "augmentation: expected a recipe that trains"),
        ("attparsenet", {"augmentation.moved_masks": "drawn"}, "drawn: expected crops that are moved"),
        ("attparsenet", {"augmentation.rotate": 200}, "--rotate: .*180"),
        ("attparsenet", {"augmentation.scale": (1.2, 0.8)}, "--scale: expected the smaller factor first, got 1.2,0.8"),
    ],
)
def test_what_cannot_be_moved_is_told(store, name, fields, message) -> None:
    with pytest.raises(OptionError, match=message):
        resolve(load_recipe(name, fields), Overrides(masks=store.path))


def test_rules_cannot_draw_what_was_refined(store, monkeypatch) -> None:
    recipe = _recipe(**{"augmentation.moved_masks": "drawn"})
    assert resolve(recipe, Overrides(masks=store.path)).moves.moved_masks == "drawn"
    refined = MaskStore(store.path)
    refined.provenance["refined"] = {"regions": ["eyes"]}
    opened = OpenStore(refined, store.data_root)
    monkeypatch.setattr("wsegs.training.resolving.source_plans.open_store", lambda *_: opened)
    with pytest.raises(OptionError, match="refined by colour"):
        resolve(recipe, Overrides(masks=store.path))


def test_the_papers_recipes_move_nothing() -> None:
    for name in ("attparsenet", "attparsenet-small", "basic", "ssp", "anet", "lnet-o"):
        recipe = load_recipe(name)
        assert recipe.augmentation == type(recipe.augmentation)()
