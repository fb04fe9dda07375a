from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wsegs.evaluation.where.attention import spread_shares
from wsegs.evaluation.where.scores import THRESHOLDS, join_scores, score_maps

MASK = torch.tensor([[1, 1, 0, 0], [1, 1, 0, 0]], dtype=torch.bool)[None, None]


def test_a_map_that_is_the_mask_is_perfect() -> None:
    scores = score_maps(MASK.float() * 7, MASK)
    assert (scores.energy.item(), scores.pointing.item(), scores.area.item()) == (1, 1, 0.5)
    np.testing.assert_array_equal(scores.iou, 1)


def test_a_map_beside_the_mask_is_wrong() -> None:
    scores = score_maps((~MASK).float(), MASK)
    assert (scores.energy.item(), scores.pointing.item(), scores.iou.max().item()) == (0, 0, 0)


def test_a_map_that_is_the_same_everywhere_has_the_masks_area() -> None:
    scores = score_maps(torch.full((1, 1, 2, 4), 0.3), MASK)
    assert scores.energy.item() == scores.pointing.item() == scores.iou.max().item() == pytest.approx(0.5)


def test_by_hand() -> None:
    maps = torch.tensor([[4.0, 1, 2, 0], [1, 0, 0, 0]])[None, None]
    scores = score_maps(maps, MASK)
    assert scores.energy.item() == 6 / 8
    assert scores.pointing.item() == 1
    iou = dict(zip(THRESHOLDS, scores.iou[0, 0].tolist(), strict=True))
    assert iou[0.25] == pytest.approx(3 / 5)  # 4, 1, 1 of four inside, and 2 outside
    assert iou[0.5] == pytest.approx(1 / 5)
    assert iou[0.55] == pytest.approx(1 / 4)


def test_empty_maps_and_masks_say_nothing() -> None:
    maps = torch.cat([torch.zeros(1, 1, 2, 4), torch.ones(1, 1, 2, 4)])
    scores = score_maps(maps, torch.cat([MASK, torch.zeros_like(MASK)]))
    assert all(np.isnan(values).all() for values in scores[:3])
    np.testing.assert_array_equal(scores.area, [[0.5], [np.nan]])
    assert join_scores([scores, scores]).iou.shape == (4, 1, len(THRESHOLDS))


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.sampled_from([0.125, 4.0, 64.0]))
def test_scores_are_shares_and_the_scale_of_a_map_says_nothing(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    maps = torch.from_numpy(rng.integers(0, 5, (2, 3, 4, 5))).double()
    masks = torch.from_numpy(rng.integers(0, 2, (2, 3, 4, 5))).bool()
    masks[..., 0, 0] = True
    maps[..., 0, 1] += 1
    one, other = score_maps(maps, masks), score_maps(maps * scale, masks)
    for values, scaled in zip(one, other, strict=True):
        assert ((values >= 0) & (values <= 1)).all()
        np.testing.assert_allclose(values, scaled, atol=1e-6)
    both = score_maps(maps, masks).energy + score_maps(maps, ~masks).energy
    np.testing.assert_allclose(both[~np.isnan(both)], 1, atol=1e-6)


def test_shares_keep_their_sum() -> None:
    rng = np.random.default_rng(0)
    shares = torch.from_numpy(rng.random((2, 3, 5)))
    regions = torch.from_numpy(rng.integers(0, 2, (2, 4, 6, 5))).double()
    regions[1, 2] = 0  # a region that is not there
    maps = spread_shares(shares, regions)
    torch.testing.assert_close(maps.sum(dim=(2, 3)), shares.sum(dim=2))
    alone = torch.tensor([[[0.0, 0, 1, 0, 0]]]).double()
    torch.testing.assert_close(spread_shares(alone, regions[:1])[0, 0] > 0, regions[0, 2] > 0)
