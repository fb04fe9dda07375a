from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.nets.tester import REGIONS, NetworkTester
from wsegs.errors import OptionError
from wsegs.nets.layers.region_pooling import pool_regions


class TestRegionProbe(NetworkTester):
    name = "region-probe"
    parameters = 813_448
    full: ClassVar[dict[str, Any]] = {
        "heads": {"attributes": 40},
        "size": (224, 192),
        "regions": tuple(f"region {r}" for r in range(15)),
    }
    small: ClassVar[dict[str, Any]] = {
        "heads": {"attributes": 3},
        "size": (40, 36),
        "regions": REGIONS,
        "strides": (4, 8),
    }

    def test_too_small_images_are_refused(self) -> None:
        """Any image has maps: padding sees to it."""
        network = self.build(size=(8, 8)).eval()
        assert network(self.images((8, 8)), self.regions(network)).logits.shape == (2, 3)

    def test_a_width_of_nothing_is_refused(self) -> None:
        """It has no width; its backbone has a name."""
        with pytest.raises(OptionError, match=r"no option 'width'.*backbone, strides, pooling, mirrored, clip"):
            self.build(width=0)

    def test_regions_are_those_of_half_the_size(self) -> None:
        assert self.build(size=(41, 37)).region_size == (21, 19)

    def test_a_logit_is_a_sum_over_regions(self) -> None:
        network = self.build().eval()
        torch.nn.init.normal_(network.mean)
        network.scale.uniform_(0.5, 2)
        output = network(self.images(), self.regions(network))
        shares = network.shares(output.features)
        assert shares.shape == (2, 3, 4)
        torch.testing.assert_close(shares.sum(dim=2) + network.heads["attributes"].bias, output.logits)

    def test_features_are_laid_out_as_the_layout_says(self) -> None:
        network = self.build().eval()
        blocks = network.read(self.images(), self.regions(network))
        flat = network.flat(blocks)
        assert flat.shape == (2, network.layout.size)
        for stride, block in blocks.items():
            torch.testing.assert_close(flat[:, network.layout.block_of(stride)], block.flatten(1))
        whole = torch.from_numpy(network.layout.whole_image)
        torch.testing.assert_close(flat[:, whole], torch.cat([block[:, -1] for block in blocks.values()], dim=1))

    def test_features_are_clipped(self) -> None:
        network = self.build(clip=2.0)
        network.scale.fill_(1e-6)
        output = network(self.images(), self.regions(network))
        assert output.features.abs().max() == 2

    def test_mirrored_reads_both_sides_alike(self) -> None:
        network = self.build(mirrored=True).eval()
        images, regions = self.images(), self.regions(network)
        once = network(images, regions).logits
        torch.testing.assert_close(network(images.flip(-1), regions.flip(-1)).logits, once)

    @pytest.mark.parametrize("pooling", ["max", "both"])
    def test_other_poolings_have_their_features(self, pooling) -> None:
        network = self.build(pooling=pooling)
        assert network.layout.size == 4 * (24 + 40) * (2 if pooling == "both" else 1)
        assert network(self.images(), self.regions(network)).logits.isfinite().all()

    def test_bad_options_are_told(self) -> None:
        with pytest.raises(OptionError, match="pooling: expected mean, max, both, got 'median'"):
            self.build(pooling="median")
        with pytest.raises(OptionError, match="has no maps of stride 6"):
            self.build(strides=(6,))
        with pytest.raises(OptionError, match="efficientnet-lite9"):
            self.build(backbone="efficientnet-lite9")


def test_pooling_by_hand() -> None:
    maps = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    regions = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.5], [0.0, 1.0]]]])
    assert pool_regions(maps, regions, "mean").flatten().tolist() == pytest.approx([2.0, 0.0, 10 / 3, 2.5])
    assert pool_regions(maps, regions, "max").flatten().tolist() == [3.0, 0.0, 4.0, 4.0]
    assert pool_regions(maps, regions, "both").shape == (1, 4, 2)


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.integers(0, 99))
def test_a_region_of_all_ones_is_the_whole_image(channels, height, width, seed) -> None:
    maps = torch.randn(2, channels, height, width, generator=torch.Generator().manual_seed(seed))
    pooled = pool_regions(maps, torch.ones(2, 1, 2 * height, 3 * width), "both")
    torch.testing.assert_close(pooled[:, 0], pooled[:, 1])
