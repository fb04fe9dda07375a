"""Classes by place and colour, on pictures whose classes are known."""

from __future__ import annotations

import numpy as np
import pytest

from wsegs.refine.colour import classify, colour_bins

RED, BLUE = (200, 60, 40), (30, 60, 190)


@pytest.fixture
def two_colours() -> tuple[np.ndarray, np.ndarray]:
    """A noisy picture, red on the left up to column 30 of 60, and a prior whose border is at column 20."""
    rng = np.random.default_rng(0)
    image = np.zeros((40, 60, 3))
    image[:, :30], image[:, 30:] = RED, BLUE
    image = np.clip(image + rng.normal(0, 8, image.shape), 0, 255).astype(np.uint8)
    left = 1 / (1 + np.exp((np.arange(60) - 20) / 6))
    prior = np.stack([np.tile(left, (40, 1)), np.tile(1 - left, (40, 1))]).astype(np.float32)
    return image, prior


def test_colours_move_a_border_to_where_it_is(two_colours):
    image, prior = two_colours
    classes = classify(image, prior)
    np.testing.assert_allclose(classes.sum(axis=0), 1, rtol=1e-5)
    truth = np.arange(60) < 30
    assert ((prior[0] > 0.5) == truth).mean() < 0.9
    assert ((classes[0] > 0.5) == truth).mean() > 0.97


def test_a_grey_picture_works_by_lightness_alone(two_colours):
    image, prior = two_colours
    grey = np.repeat(image[:, :, :1], 3, axis=2)
    assert ((classify(grey, prior)[0] > 0.5) == (np.arange(60) < 30)).mean() > 0.97


def test_a_picture_of_one_colour_keeps_its_prior(two_colours):
    _, prior = two_colours
    classes = classify(np.full((40, 60, 3), 128, np.uint8), prior)
    np.testing.assert_allclose(classes, prior, atol=0.02)


def test_the_same_pixels_give_the_same_classes(two_colours):
    np.testing.assert_array_equal(classify(*two_colours), classify(*two_colours))


def test_pixels_that_do_not_count_teach_no_colour(two_colours):
    image, prior = two_colours
    spoilt = image.copy()
    spoilt[:, :15] = BLUE
    counts = np.ones(image.shape[:2], bool)
    counts[:, :15] = False
    # Blue on the sure left makes blue a colour of the left, unless those pixels are not counted.
    truth = np.arange(60)[15:] < 30
    taught = (classify(spoilt, prior)[0, :, 15:] > 0.5) == truth
    spared = (classify(spoilt, prior, counts)[0, :, 15:] > 0.5) == truth
    assert spared.mean() > 0.95
    assert spared.mean() > taught.mean()


def test_bins_span_the_colours_that_occur():
    image = np.array([[RED, RED, BLUE]], np.uint8)
    bins, shape = colour_bins(image)
    assert bins[0, 0] == bins[0, 1] != bins[0, 2]
    assert bins.max() < np.prod(shape)
    assert colour_bins(image[:, :2])[1] == (1, 1, 1)
