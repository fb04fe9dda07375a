from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.nets.tester import NetworkTester
from wsegs.errors import DataError, OptionError
from wsegs.nets import build_network
from wsegs.nets.layers.interweave import best_patch, patch_responses, patch_responses_densely, views_about


class TestANet(NetworkTester):
    name = "anet"
    parameters = 832_980
    full: ClassVar = {"heads": {"attributes": 40}, "size": (55, 47)}
    small: ClassVar = {"heads": {"attributes": 3}, "size": (39, 31), "width": 0.05}
    odd_sizes = ((40, 33), (41, 31), (42, 34))

    def test_layers_are_those_of_the_reference(self) -> None:
        network = build_network("anet", heads={"attributes": 40}, size=(55, 47))
        layers = network.layers(torch.zeros(1, 3, 55, 47))
        assert network.shared(torch.zeros(1, 3, 55, 47)).shape == (1, 40, 12, 10)
        assert {name: tuple(values.shape) for name, values in layers.items()} == {
            "third": (1, 60, 10, 8),
            "fourth": (1, 80, 4, 3),
            "full": (1, 160),
        }
        assert (network.third.grid, network.fourth.grid) == ((5, 4), (4, 3))

    def test_cells_must_divide_the_maps(self) -> None:
        with pytest.raises(OptionError, match=r"side divides an output of 10x8 \(HxW\), got 4"):
            self.build(size=(55, 47), cells=(4, 1))
        with pytest.raises(OptionError, match="side is even; got 1"):
            self.build(size=(55, 47), cells=(1, 1))

    def test_a_border_is_not_read(self) -> None:
        network = self.build(size=(55, 47), border=8)
        images = self.images((55, 47))
        assert network.patch == (39, 31)
        other = images.clone()
        other[:, :, :8], other[:, :, -8:], other[..., :8], other[..., -8:] = 1, 1, -1, -1
        torch.testing.assert_close(network(images).logits, network(other).logits)
        alone = self.build(size=(39, 31))
        torch.testing.assert_close(alone(images[:, :, 8:-8, 8:-8]).logits, network(images).logits)
        with pytest.raises(OptionError, match="border: expected a multiple of 4 pixels, got 3"):
            self.build(border=3)
        with pytest.raises(OptionError, match=r"at least 45x45 \(HxW\), got 39x31"):
            self.build(border=8)


class TestANetViews(NetworkTester):
    name = "anet-views"
    parameters = 858_580
    full: ClassVar = {"heads": {"attributes": 40}, "size": (63, 55)}
    small: ClassVar = {"heads": {"attributes": 3}, "size": (47, 39), "width": 0.05}
    odd_sizes = ((48, 41), (49, 39), (50, 42))

    def views(self, network, images, row, column) -> torch.Tensor:
        """The features of the patches about a place in steps of four pixels, each read by itself."""
        height, width = network.patch
        found = []
        for down, across in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
            top, left = 4 * (row + down), 4 * (column + across)
            found.append(network.layers(images[:, :, top : top + height, left : left + width])["full"])
        return torch.cat(found, dim=1)

    def test_views_are_those_of_patches_read_by_themselves(self) -> None:
        network = self.build(size=(55, 47), border=8)
        images = self.images((55, 47))
        torch.testing.assert_close(network.read(images), self.views(network, images, 2, 2))
        torch.testing.assert_close(
            self.build(size=(55, 47), border=8, views=1).read(images), network.read(images)[:, :8]
        )

    def test_the_search_finds_the_patch_with_the_largest_response(self) -> None:
        network = self.build(size=(63, 55), border=12, search=True)
        images = self.images((63, 55), batch=6)
        responses = patch_responses_densely(network, images).mean(dim=3).flatten(3).amax(dim=3)
        inside = 0
        for image, found in zip(range(6), network.read(images), strict=True):
            row, column = divmod(int(responses[image].argmax()), 7)
            if 0 < row < 6 and 0 < column < 6:
                torch.testing.assert_close(found, self.views(network, images[image][None], row, column)[0])
                inside += 1
        assert inside

    def test_a_search_needs_room(self) -> None:
        for options in ({"search": True, "views": 1}, {"views": 5}):
            with pytest.raises(OptionError, match="border: expected 4 or more, to look beside the middle, got 0"):
                self.build(border=0, **options)
        with pytest.raises(OptionError, match="views: expected 1 or 5, got 3"):
            self.build(views=3)


class TestInterweaving:
    @pytest.mark.parametrize("larger", [(0, 0), (3, 1), (4, 9), (22, 13)])
    @pytest.mark.parametrize(("size", "cells"), [((55, 47), (2, 1)), ((47, 47), (8, 3)), ((47, 47), (4, 1))])
    def test_it_is_the_dense_way_to_rounding(self, size, cells, larger) -> None:
        torch.manual_seed(0)
        network = build_network("anet", heads={"attributes": 2}, size=size, width=0.1, cells=cells).double()
        images = torch.randn(2, 3, size[0] + larger[0], size[1] + larger[1], dtype=torch.double)
        with torch.inference_mode():
            fast, dense = patch_responses(network, images), patch_responses_densely(network, images)
        assert fast.shape == dense.shape
        torch.testing.assert_close(fast, dense)
        assert fast.abs().sum() > 0

    @pytest.mark.slow
    @settings(max_examples=8, deadline=None)
    @given(
        cells=st.sampled_from([((39, 31), (2, 1)), ((47, 47), (4, 3)), ((63, 47), (4, 1)), ((47, 79), (8, 1))]),
        larger=st.tuples(st.integers(0, 21), st.integers(0, 21)),
        seed=st.integers(0, 2**31),
    )
    def test_it_is_the_dense_way_over_random_networks_and_offsets(self, cells, larger, seed) -> None:
        torch.manual_seed(seed)
        size, sides = cells
        network = build_network("anet", heads={"attributes": 1}, size=size, width=0.06, cells=sides).double()
        images = torch.randn(1, 3, size[0] + larger[0], size[1] + larger[1], dtype=torch.double)
        with torch.inference_mode():
            fast, dense = patch_responses(network, images), patch_responses_densely(network, images)
        assert fast.shape[1:3] == (larger[0] // 4 + 1, larger[1] // 4 + 1)
        torch.testing.assert_close(fast, dense)
        same = [best_patch(responses) for responses in (fast, dense)]
        assert (int(same[0].row), int(same[0].column)) == (int(same[1].row), int(same[1].column))

    def test_the_best_patch_is_where_the_face_was_moved_to(self) -> None:
        torch.manual_seed(1)
        network = build_network("anet", heads={"attributes": 2}, size=(55, 47), width=0.1)
        face = torch.randn(1, 3, 55, 47)
        images = torch.zeros(1, 3, 55 + 24, 47 + 24)
        images[:, :, 12:67, 8:55] = face * 3
        with torch.inference_mode():
            responses = patch_responses(network, images)
            best = best_patch(responses)
            views = views_about(responses, best, 5)
            expected = network.layers(images[:, :, 12:67, 8:55])["full"]
            mean = responses.mean(dim=3).amax(dim=(3, 4))[0]
        assert mean[best.row, best.column] == mean.max()
        neighbours = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]
        for view, (down, across) in zip(views, neighbours, strict=True):
            row, column = (min(max(int(at), 0), 6) for at in (best.row + down, best.column + across))
            torch.testing.assert_close(view, responses[:, row, column])
        there = network.features_of(responses[:, 3, 2])
        torch.testing.assert_close(there, expected)

    def test_of_equal_responses_the_patch_with_the_larger_sum_is_taken(self) -> None:
        responses = torch.zeros(1, 2, 3, 8, 4, 3)
        responses[0, 0, 1, :, 0, 0] = 1.0
        responses[0, 1, 0, :, 0, 0] = 1.0
        responses[0, 1, 0, :, 1, 1] = 0.5
        best = best_patch(responses)
        assert (int(best.row), int(best.column)) == (1, 0)

    def test_images_smaller_than_a_patch_are_refused(self) -> None:
        network = build_network("anet", heads={"attributes": 2}, size=(55, 47), width=0.1)
        with pytest.raises(DataError, match=r"50x47 \(HxW\) are smaller than a patch"):
            patch_responses(network, torch.zeros(1, 3, 50, 47))
