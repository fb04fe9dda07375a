from __future__ import annotations

from math import exp

import pytest
import torch

from tests.nets.tester import NetworkTester
from wsegs.errors import OptionError
from wsegs.nets.layers.region_pooling import RegionPooling
from wsegs.nets.ssp import WeightedRegions


class TestSSP(NetworkTester):
    name = "ssp"
    parameters = 23_654_800  # a second linear branch beside the basic network's

    def test_regions_are_those_of_half_the_size(self) -> None:
        assert self.build(size=(41, 37)).region_size == (21, 19)

    def test_weights_of_the_regions_sum_to_one(self) -> None:
        network = self.build().eval()
        weights = network.region_weights(self.images(), self.regions(network))
        assert weights.shape == (2, 3, 3)
        torch.testing.assert_close(weights.sum(dim=2), torch.ones(2, 3))

    def test_pooling_is_by_name_with_a_default(self) -> None:
        network = self.build(pooling={"eyes": "max"})
        assert network.pool.use_max.flatten().tolist() == [False, False, True]
        network = self.build(pooling={"eyes": "average", "default": "max"})
        assert network.pool.use_max.flatten().tolist() == [True, True, False]

    @pytest.mark.parametrize(
        ("pooling", "message"),
        [
            ({"eye": "max"}, "no region 'eye'.*did you mean 'eyes'"),
            ({"eyes": "median"}, "eyes: expected max or average, got 'median'"),
            ("max", "expected region: max or average"),
        ],
    )
    def test_wrong_poolings_are_refused(self, pooling, message) -> None:
        with pytest.raises(OptionError, match=message):
            self.build(pooling=pooling)


MAPS = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[10.0, 0.0], [0.0, 0.0]]]])  # two channels of 2x2
HALF = [[1.0, 1.0], [0.0, 0.0]]
CORNER = [[0.0, 0.0], [0.0, 0.5]]
NOWHERE = [[0.0, 0.0], [0.0, 0.0]]


def test_features_of_regions_by_hand() -> None:
    regions = torch.tensor([[HALF, CORNER, NOWHERE]])
    features = RegionPooling(["average"] * 3)(MAPS, regions)
    # The mean of the upper row; the corner alone, however faint its mask; nothing where there is no region.
    assert features.tolist() == [[[1.5, 5.0], [4.0, 0.0], [0.0, 0.0]]]


def test_max_pooling_widens_a_region_and_average_pooling_does_not() -> None:
    one_pixel = torch.zeros(1, 2, 4, 4)
    one_pixel[:, :, 0, 0] = 1  # in the first of the four cells
    one_pixel[:, :, 2, 0:2] = 1  # half of the third
    largest, average = RegionPooling(["max", "average"])(MAPS, one_pixel)[0]
    assert largest.tolist() == [2.0, 5.0]  # (1 + 3) / 2: both cells alike
    assert average.tolist() == pytest.approx([(1 * 0.25 + 3 * 0.5) / 0.75, 2.5 / 0.75])


def test_a_region_of_all_ones_is_global_average_pooling() -> None:
    features = RegionPooling(["max"])(MAPS, torch.ones(1, 1, 6, 6))
    assert features.tolist() == [[[2.5, 2.5]]]


def test_scores_of_two_regions_by_hand() -> None:
    branches = WeightedRegions(features=1, attributes=2)
    branches.load_state_dict(
        {
            "classify.weight": torch.tensor([[1.0], [-2.0]]),
            "classify.bias": torch.tensor([0.0, 1.0]),
            "localise.weight": torch.tensor([[1.0], [0.0]]),
            "localise.bias": torch.tensor([0.0, 5.0]),
        }
    )
    logits, weights = branches(torch.tensor([[[0.0], [2.0]]]))
    # Attribute 0 says 0 and 2 and listens by softmax(0, 2); attribute 1 says 1 and -3 and listens to both alike.
    listens = exp(2) / (1 + exp(2))
    assert weights[0].flatten().tolist() == pytest.approx([1 - listens, listens, 0.5, 0.5])
    assert logits[0].tolist() == pytest.approx([2 * listens, -1.0], abs=1e-6)
