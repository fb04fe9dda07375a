"""What is of two sides is exchanged in mirrored images, or they are not mirrored, and that is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.tiny import RULES, make_store, recipe_of, tiny_recipe, write_truth
from wsegs.datasets.typed_labels import Categories
from wsegs.errors import OptionError
from wsegs.geometry.frame import Frame
from wsegs.io.files import shipped_folder
from wsegs.tasks.batch import Batch
from wsegs.tasks.mask_expander import MaskExpander
from wsegs.training.plan import MirrorPlan
from wsegs.training.recipe import load_recipe, read_recipe
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.samples.mirror import mirrored

SIDED_RULES = RULES.replace(
    "  eyes:\n    - polygon: 36..41\n    - polygon: 42..47\n",
    "  left_eye: {polygon: 36..41}\n  right_eye: {polygon: 42..47}\n",
).replace("  Eyeglasses: eyes", "  Eyeglasses: left_eye | right_eye")


def _batch(**fields) -> Batch:
    flip = torch.tensor([True, False])
    images = torch.arange(2 * 3 * 2 * 4, dtype=torch.uint8).view(2, 3, 2, 4)
    empty = {"labels": {}, "regions": None, "classes": None}
    points = torch.full((2, 5, 2), float("nan"))
    rest = {"has_face": ~flip, "flip": flip, "points": points, "matrix": torch.zeros(2, 2, 3)}
    return Batch(images=images, **{**empty, **rest, **fields})


def test_pairs_are_exchanged_in_mirrored_rows_alone() -> None:
    regions = torch.tensor([[[1, 2, 4, 3]], [[1, 2, 4, 3]]], dtype=torch.int32)
    classes = torch.tensor([[[0, 1, 2, 255]], [[0, 1, 2, 255]]], dtype=torch.uint8)
    labels = {
        "attributes": torch.tensor([[1, 0, -1], [1, 0, -1]], dtype=torch.int8),
        "gaze": torch.tensor([2, 2]),
        "left_open": torch.tensor([0.1, 0.2]),
        "right_open": torch.tensor([0.8, float("nan")]),
    }
    plan = MirrorPlan(
        regions=((0, 1),),
        classes=((1, 2),),
        attributes=((0, 2),),
        categories={"gaze": ((0, 2),)},
        numbers=(("left_open", "right_open"),),
    )
    moved = mirrored(_batch(regions=regions, classes=classes, labels=labels), plan)
    assert moved.regions.tolist() == [[[3, 4, 1, 2]], [[1, 2, 4, 3]]]
    assert moved.classes.tolist() == [[[255, 1, 2, 0]], [[0, 1, 2, 255]]]
    assert moved.classes.dtype == torch.uint8
    assert moved.labels["attributes"].tolist() == [[-1, 0, 1], [1, 0, -1]]
    assert moved.labels["gaze"].tolist() == [0, 2]
    assert moved.labels["left_open"].tolist() == pytest.approx([0.8, 0.2])
    assert moved.labels["right_open"][0].item() == pytest.approx(0.1)
    assert not moved.flip.any()


def test_masks_of_a_mirrored_face_are_those_of_the_mirrored_masks(table, tmp_path) -> None:
    """Smiling stays; what the left eye shows is at the right one."""
    names = ("Smiling", "Winking_Left", "Winking_Right")
    rules = SIDED_RULES.replace("Eyeglasses: left_eye | right_eye", "Winking_Left: left_eye").replace(
        "Male: all", "Winking_Right: right_eye"
    )
    store = make_store(tmp_path, replace(table, attribute_names=names), rules=rules)
    plan = resolve(tiny_recipe(), Overrides(masks=store.path))
    assert plan.flips
    assert plan.main.mirror == MirrorPlan(
        regions=((1, 2),),
        attributes=((1, 2),),
        names=(("left_eye", "right_eye"), ("Winking_Left", "Winking_Right")),
    )
    bits = torch.from_numpy(store.regions([0, 0]).astype(np.int64))
    labels = torch.tensor([[1, 1, 0], [1, 1, 0]], dtype=torch.int8)
    expand = MaskExpander(store.lookup)
    moved = mirrored(_batch(regions=bits, labels={"attributes": labels}), plan.main.mirror)
    masks = expand(moved.regions, moved.labels["attributes"])
    plain = expand(bits, labels)
    assert torch.equal(masks[0, 0], plain[0, 0].flip(-1))
    assert torch.equal(masks[0, 2], plain[0, 1].flip(-1))  # the wink is at the right eye now
    assert plain[0, 1].any()
    assert not masks[0, 1].any()
    assert torch.equal(masks[1], plain[1])


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("Looking_Left", {}, "attribute 'Looking_Left' is of one side, and has no partner"),
        ("Winking", {"Winking: eyes": "Winking: left_eye"}, "the mask of 'Winking' lies on one side"),
    ],
)
def test_one_side_without_a_partner_is_not_mirrored_and_said(table, tmp_path, name, changes, reason) -> None:
    rules = SIDED_RULES.replace("Eyeglasses: left_eye | right_eye", "Eyeglasses: eyes").replace("Eyeglasses", name)
    rules = rules.replace(f"{name}: eyes", f"{name}: left_eye" if changes else f"{name}: left_eye | right_eye")
    names = ("Smiling", name, "Male")
    store = make_store(tmp_path, replace(table, attribute_names=names), rules=rules)
    plan = resolve(tiny_recipe(), Overrides(masks=store.path))
    assert not plan.flips
    assert plan.unmirrored.startswith(f"images are not mirrored: {reason}")
    assert "--no-flips" in plan.unmirrored
    unflipped = resolve(tiny_recipe().without_mirroring(), Overrides(masks=store.path))
    assert (unflipped.flips, unflipped.unmirrored) == (False, "")
    if not changes:
        (tmp_path / "said").mkdir()
        said = make_store(
            tmp_path / "said", replace(table, attribute_names=names), rules=f"{rules}mirror: [[{name}, {name}]]\n"
        )
        assert resolve(tiny_recipe(), Overrides(masks=said.path)).flips


def test_a_rule_file_pairs_what_its_names_do_not_say(table, tmp_path) -> None:
    rules = SIDED_RULES.replace("left_eye", "dexter").replace("right_eye", "sinister")
    store = make_store(tmp_path, table, rules=f"{rules}mirror: [[dexter, sinister]]\n")
    assert resolve(tiny_recipe(), Overrides(masks=store.path)).main.mirror.regions == ((1, 2),)
    (tmp_path / "wrong").mkdir()
    wrong = make_store(tmp_path / "wrong", table, rules=f"{rules}mirror: [[dexter, sinistre]]\n")
    with pytest.raises(OptionError, match="mirror: 'sinistre' is no region and no attribute"):
        resolve(tiny_recipe(), Overrides(masks=wrong.path))


@pytest.mark.parametrize(
    ("text", "pairs", "refused"),
    [
        ("classes: {left_eye: 7, right_eye: 300}\nregions: {skin: 0, left_eye: 7, right_eye: 300}", ((1, 2),), ""),
        ("classes: {l_eye: 7, r_eye: 300}\nregions: {skin: 0, one: l_eye, other: r_eye}", ((1, 2),), ""),
        ("classes: {l_eye: 7, r_eye: 300}\nregions: {skin: 0, eyes: [l_eye, r_eye]}", (), ""),
        ("regions: {skin: 0, dexter: 7, sinister: 300}\nmirror: [[dexter, sinister]]", ((1, 2),), ""),
        ("regions: {skin: 0, l_eye: 7, mouth: 300}", (), "class 'l_eye' is of one side"),
        ("classes: {l_eye: 7, r_eye: 300}\nregions: {skin: 0, one: l_eye}\nunknown: [r_eye]", (), "class 'one' has"),
    ],
)
def test_classes_of_a_parser_are_exchanged(store, table, tmp_path, text, pairs, refused) -> None:
    write_truth(tmp_path, table)
    (tmp_path / "map.yaml").write_text(text)
    human = {"tasks.parsing.parsing_masks": str(tmp_path), "tasks.parsing.class_map": str(tmp_path / "map.yaml")}
    plan = resolve(recipe_of("parser", **human), Overrides(masks=store.path))
    assert plan.main.mirror.classes == pairs
    assert refused in plan.unmirrored
    assert plan.flips == (not refused)


def test_categories_and_numbers(table, tmp_path) -> None:
    gaze = Categories(("left", "middle", "right"), np.arange(len(table)) % 3)
    yaw = np.zeros(len(table), np.float32)
    store = make_store(
        tmp_path,
        replace(table, categories={"gaze": gaze}, numbers={"head_yaw": yaw}),
        Frame("image", (64, 56)),
    )
    stages = {"stages": [{"epochs": 1, "losses": {"attributes": 1, "gaze": 1}}]}
    recipe = (
        recipe_of("region-probe") if False else recipe_of("basic", **stages, **{"tasks.gaze": {"kind": "category"}})
    )
    plan = resolve(recipe, Overrides(masks=store.path))
    assert plan.main.mirror.categories == {"gaze": ((0, 2),)}
    losses = {"stages": [{"epochs": 1, "losses": {"attributes": 1, "head_yaw": 1}}]}
    recipe = recipe_of("basic", **losses, **{"tasks.head_yaw": {"kind": "number"}})
    assert "number 'head_yaw' is an angle" in resolve(recipe, Overrides(masks=store.path)).unmirrored


def test_no_flips_of_every_recipe() -> None:
    for file in sorted(shipped_folder("models").glob("*.yaml")):
        overrides = {"network.mirrored": True, "fit.mirrored_copies": True} if file.stem == "region-probe" else {}
        recipe = read_recipe(file, overrides).without_mirroring()
        assert not recipe.flips
        assert not recipe.network.options.get("mirrored")
        assert recipe.fit is None or not recipe.fit.mirrored_copies


def test_mirrored_reading_of_a_probe(table, store, tmp_path) -> None:
    """Copies exchange regions and labels; an average of two sides, or a side without a partner, is refused."""

    def planned(masks, **fields):
        recipe = load_recipe("region-probe", {"size": (64, 56), "network.strides": [4, 8], **fields})
        return resolve(recipe, Overrides(masks=masks.path))

    sided = make_store(tmp_path, table, rules=SIDED_RULES)
    assert planned(sided, **{"fit.mirrored_copies": True}).main.mirror.regions == ((1, 2),)
    assert planned(sided).main.mirror == MirrorPlan()  # nothing is mirrored
    assert planned(store, **{"network.mirrored": True}).network.options["mirrored"]
    with pytest.raises(OptionError, match=r"network: mirrored: names of two sides cannot be averaged"):
        planned(sided, **{"network.mirrored": True})
    (tmp_path / "lone").mkdir()
    lone = make_store(
        tmp_path / "lone",
        replace(table, attribute_names=("Smiling", "Eyeglasses", "Facing_Left")),
        rules=RULES.replace("Male", "Facing_Left"),
    )
    for field in ("network.mirrored", "fit.mirrored_copies"):
        with pytest.raises(OptionError, match=r"mirrored.*: attribute 'Facing_Left' is of one side"):
            planned(lone, **{field: True})
