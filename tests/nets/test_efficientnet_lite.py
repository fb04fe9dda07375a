"""EfficientNet-Lite: the same numbers as the original, at any strides and sizes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from wsegs.errors import OptionError
from wsegs.nets.backbones import find_weights
from wsegs.nets.backbones.efficientnet_lite import STRIDES, EfficientNetLite
from wsegs.nets.weights import read_weights

NATIVE_SIZES = {0: 224, 1: 240, 2: 260}


def _astronaut(size: int) -> torch.Tensor:
    """The astronaut, (1, 3, size, size) from -1 to 1."""
    pixels = cv2.resize(skimage.data.astronaut(), (size, size), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(pixels.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]


@pytest.mark.slow
@pytest.mark.parametrize("variant", NATIVE_SIZES)
def test_logits_are_those_of_the_original(variant) -> None:
    original_package = pytest.importorskip("efficientnet_lite_pytorch")
    found = find_weights(f"efficientnet-lite{variant}", None)
    weights = read_weights(found.file, found.sha256)
    original = original_package.EfficientNet.from_name(f"efficientnet-lite{variant}").eval()
    original.load_state_dict(weights)
    ours = EfficientNetLite(variant, classes=1000).eval()
    ours.load_original(weights)
    images = _astronaut(NATIVE_SIZES[variant])
    with torch.no_grad():
        expected, got = original(images), ours.classify(images)
    assert torch.allclose(got, expected, atol=1e-4, rtol=0)
    assert expected.max() - expected.min() > 5  # not two networks that say nothing


@pytest.mark.slow
@pytest.mark.parametrize("variant", NATIVE_SIZES)
def test_layers_behind_the_last_map_are_not_needed(variant) -> None:
    torch.manual_seed(0)
    full = EfficientNetLite(variant, classes=7).eval()
    images = torch.rand(1, 3, 65, 48) * 2 - 1
    with torch.no_grad():
        expected = full(images)
        for stride in STRIDES:
            truncated = EfficientNetLite(variant, (stride,)).eval()
            truncated.load_state_dict({name: full.state_dict()[name] for name in truncated.state_dict()})
            (got,) = truncated(images).values()
            assert torch.equal(got, expected[stride])
            assert len(truncated.blocks) < len(full.blocks) or stride == STRIDES[-1]


@pytest.mark.parametrize("size", [(32, 32), (33, 31), (37, 50), (1, 1)])
def test_sizes_of_maps_are_rounded_up(size) -> None:
    network = EfficientNetLite(0).eval()
    with torch.no_grad():
        maps = network(torch.zeros(2, 3, *size))
    assert list(maps) == list(STRIDES)
    for stride, each in maps.items():
        assert each.shape == (2, network.channels[stride], -(-size[0] // stride), -(-size[1] // stride))


def test_channels_are_those_of_the_last_block_of_each_stride() -> None:
    assert EfficientNetLite(0).channels == {2: 16, 4: 24, 8: 40, 16: 112, 32: 320}
    assert EfficientNetLite(2, (8, 4)).channels == {4: 24, 8: 48}


def test_what_there_is_not_is_named() -> None:
    with pytest.raises(OptionError, match="efficientnet-lite5: expected efficientnet-lite0 to efficientnet-lite2"):
        EfficientNetLite(5)
    with pytest.raises(OptionError, match=r"has no maps of stride 7: expected some of 2, 4, 8, 16, 32"):
        EfficientNetLite(0, (7,))


def test_weights_of_another_variant_are_refused() -> None:
    theirs = EfficientNetLite(1).state_dict()
    with pytest.raises(RuntimeError):
        EfficientNetLite(0).load_original(theirs)
