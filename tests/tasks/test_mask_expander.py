from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.tiny import RULES, make_store
from wsegs.rules import compile_rules
from wsegs.tasks.mask_expander import MaskExpander
from wsegs.training.samples.mirror import mirror

LOOKUP = compile_rules(RULES, "tiny.yaml").lookup(["Smiling", "Eyeglasses", "Male"])

# More regions than a table has room for: 18 that all lie about the mouth, the last also about an eye.
MANY = "version: 1\nscheme: ibug68\ndescription: many\nspace: image\nlandmarks: integer\nregions:\n"
MANY += "".join(f"  r{i}:\n    polygon: 48..59\n" for i in range(17)) + "  eye:\n    polygon: 36..41\n"
MANY += "attributes:\n  Smiling: r0 & r16\n  Eyeglasses: eye - r3\n  Male: all\n"


def _random(seed: int, regions: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 1 << regions, (3, 5, 4)).astype(np.int32)
    return torch.from_numpy(pixels), torch.from_numpy(rng.integers(-1, 2, (3, 3)).astype(np.int8))


def test_masks_are_those_of_the_store(store) -> None:
    rows = [0, 3, 5, 9]
    regions = torch.from_numpy(store.regions(rows, (20, 18)).astype(np.int32))
    masks = MaskExpander(store.lookup)(regions, torch.from_numpy(store.attributes[rows]))
    np.testing.assert_array_equal(masks.numpy(), store.masks(rows, (20, 18)).astype(np.float32))
    assert masks.any()


def test_more_than_sixteen_regions_give_the_masks_of_the_store(table, tmp_path) -> None:
    store = make_store(tmp_path, table, rules=MANY)
    assert store.lookup.table is None
    rows = [0, 3, 5, 9]
    regions = torch.from_numpy(store.regions(rows).astype(np.int64))
    masks = MaskExpander(store.lookup)(regions, torch.from_numpy(store.attributes[rows]))
    np.testing.assert_array_equal(masks.numpy(), store.masks(rows).astype(np.float32))
    assert masks.any(dim=3).any(dim=2).any(dim=0).all()


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), flip=st.lists(st.booleans(), min_size=3, max_size=3))
def test_a_flip_keeps_images_and_masks_together(seed, flip) -> None:
    regions, labels = _random(seed)
    chosen = torch.tensor(flip)
    expander = MaskExpander(LOOKUP)
    # An image in which each pixel shows its own region integer.
    images = regions[:, None].expand(-1, 3, -1, -1).to(torch.uint8)
    flipped_images, flipped_regions = mirror(images, chosen), mirror(regions, chosen)
    assert torch.equal(flipped_images[:, 0].int(), flipped_regions)
    before, after = expander(regions, labels), expander(flipped_regions, labels)
    for b, was_flipped in enumerate(flip):
        assert torch.equal(after[b], before[b].flip(-1) if was_flipped else before[b])
    assert torch.equal(mirror(flipped_regions, chosen), regions)


@pytest.mark.parametrize("label", [0, 1, 2])
def test_what_is_known_depends_on_face_and_label(label) -> None:
    text = RULES.replace("Male: all", f"Male: {{regions: all, when: {('absent', 'present', 'always')[label]}}}")
    expander = MaskExpander(compile_rules(text, "labels.yaml").lookup(["Smiling", "Male"]))
    labels = torch.tensor([[1, 1], [0, 0], [-1, -1], [1, 1]], dtype=torch.int8)
    faces = torch.tensor([True, True, True, False])
    expected = torch.tensor([[True, True], [True, True], [False, label == 2], [False, False]])
    assert torch.equal(expander.known(labels, faces), expected)
    drawn = expander(torch.full((4, 1, 1), 3, dtype=torch.int32), labels)[:, 1, 0, 0].tolist()
    assert drawn == [[0, 1, 0, 0], [1, 0, 0, 1], [1, 1, 1, 1]][label]


def test_the_table_is_no_part_of_a_checkpoint() -> None:
    assert not MaskExpander(LOOKUP).state_dict()
