from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wsegs.nets import IGNORE_INDEX, build_network
from wsegs.nets.layers.region_sources import KnownRegions, LandmarkBoxes, ParsedRegions
from wsegs.training.samples.mirror import mirror, mirror_points

IMAGES = torch.zeros(1, 3, 8, 8)


def _points(*first: float) -> torch.Tensor:
    """Five points of one face; the first as given, the others far outside."""
    points = torch.full((1, 5, 2), -100.0)
    points[0, 0] = torch.tensor(first)
    return points


def test_boxes_by_hand() -> None:
    # 8x8 images, regions of 4x4; a sixteenth of 64 is 4 pixels: 2x2, 1.41 wide and 2.83 high, and the other way.
    boxes = LandmarkBoxes((8, 8), (4, 4), area=1 / 16, aspects=(1.0, 0.5, 2.0))
    assert len(boxes.names) == 16
    assert boxes.names[0] == "left_eye 1"
    # The box of x 2 to 4 and y 3 to 5, edges of pixels: half of the second row of cells, and half of the third.
    regions = boxes(IMAGES, None, _points(2.5, 3.5))
    assert regions.shape == (1, 16, 4, 4)
    expected = torch.zeros(4, 4)
    expected[1, 1] = expected[2, 1] = 0.5
    torch.testing.assert_close(regions[0, 0], expected)
    tall, wide = regions[0, 1], regions[0, 2]
    assert tall.sum().item() == pytest.approx(1, abs=1e-5)  # four pixels are one cell
    assert wide.sum().item() == pytest.approx(1, abs=1e-5)
    assert (tall.sum(dim=1) > 0).sum() >= (wide.sum(dim=1) > 0).sum()
    assert regions[0, -1].eq(1).all()
    assert not regions[0, 3:15].any()


def test_an_image_without_a_face_has_only_the_whole() -> None:
    boxes = LandmarkBoxes((8, 8), (4, 4), area=0.1, aspects=(1.0,))
    regions = boxes(IMAGES, None, torch.full((1, 5, 2), float("nan")))
    assert not regions[0, :-1].any()
    assert regions[0, -1].eq(1).all()


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.floats(-3, 10, width=32), min_size=10, max_size=10))
def test_boxes_of_a_mirrored_face_are_mirrored_boxes(values) -> None:
    points = torch.tensor(values).reshape(1, 5, 2)
    boxes = LandmarkBoxes((8, 8), (4, 4), area=1 / 16, aspects=(1.0, 2.0))
    flip = torch.tensor([True])
    of_mirrored = boxes(IMAGES, None, mirror_points(points, flip, 8))
    mirrored = mirror(boxes(IMAGES, None, points), flip)
    order = [2, 3, 0, 1, 4, 5, 8, 9, 6, 7, 10]  # left and right eye, left and right corner of the mouth
    torch.testing.assert_close(of_mirrored, mirrored[:, order])


def test_points_that_are_not_flipped_stay() -> None:
    points = torch.arange(20.0).reshape(2, 5, 2)
    assert torch.equal(mirror_points(points, torch.tensor([False, False]), 8), points)
    once = mirror_points(points, torch.tensor([True, False]), 8)
    assert torch.equal(mirror_points(once, torch.tensor([True, False]), 8), points)


def test_known_regions_are_one_channel_a_class() -> None:
    regions = KnownRegions(("background", "eyes"), (2, 2))(
        IMAGES, torch.tensor([[[0, 1], [IGNORE_INDEX, 1]]], dtype=torch.uint8), None
    )
    assert regions.tolist() == [[[[1, 0], [0, 0]], [[0, 1], [0, 1]]]]
    assert regions.dtype == torch.float32


class TestParsedRegions:
    def source(self, size: tuple[int, int]) -> ParsedRegions:
        torch.manual_seed(0)
        parser = build_network("parser", size=(41, 37), classes=3, width=0.02)
        return ParsedRegions(parser, (41, 37), ("a", "b", "c"), size)

    @pytest.mark.parametrize(("size", "scale"), [((41, 37), 0), ((21, 19), 1), ((11, 10), 2), ((6, 5), 3)])
    def test_they_are_the_parsers_own_scale_of_that_size(self, size, scale) -> None:
        source, images = self.source(size), torch.rand(2, 3, 41, 37)
        regions = source(images, None, None)
        torch.testing.assert_close(regions, source.parser.parse(images)[scale].softmax(dim=1))
        torch.testing.assert_close(regions.sum(dim=1), torch.ones(2, *size))

    def test_other_sizes_are_averages_of_the_next_finer_scale(self) -> None:
        source, images = self.source((7, 7)), torch.rand(1, 3, 41, 37)
        finer = source.parser.parse(images)[2].softmax(dim=1)
        torch.testing.assert_close(source(images, None, None), torch.nn.functional.adaptive_avg_pool2d(finer, (7, 7)))

    def test_images_of_another_size_are_resized_for_the_parser(self) -> None:
        assert self.source((30, 30))(torch.rand(1, 3, 60, 60), None, None).shape == (1, 3, 30, 30)

    def test_hard_regions_are_the_most_probable_class(self) -> None:
        soft, images = self.source((21, 19)), torch.rand(1, 3, 41, 37)
        hard = ParsedRegions(soft.parser, (41, 37), soft.names, (21, 19), hard=True)(images, None, None)
        assert torch.equal(hard.argmax(dim=1), soft(images, None, None).argmax(dim=1))
        assert set(hard.unique().tolist()) == {0, 1}
        assert hard.sum(dim=1).eq(1).all()

    def test_training_does_not_move_the_parser(self) -> None:
        source = self.source((21, 19)).train()
        before = {name: value.clone() for name, value in source.state_dict().items()}
        regions = source(torch.rand(2, 3, 41, 37), None, None)
        assert not regions.requires_grad
        assert all(torch.equal(value, before[name]) for name, value in source.state_dict().items())
