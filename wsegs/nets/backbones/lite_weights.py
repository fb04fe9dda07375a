"""Weights of EfficientNet-Lite, under the names of the original or of wsegs, checked against the whole network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from wsegs.errors import OptionError
from wsegs.nets.backbones.efficientnet_lite import EfficientNetLite
from wsegs.nets.weights import read_weights

# Layers of the original -> ours. The first block alone has no widening convolution: its layers come three earlier.
_OUTER = {"_conv_stem": "stem.0", "_bn0": "stem.1"}
_OUTER |= {"_conv_head": "classifier.0", "_bn1": "classifier.1", "_fc": "classifier.5"}
_IN_BLOCK = {"_expand_conv": 0, "_bn0": 1, "_depthwise_conv": 3, "_bn1": 4, "_project_conv": 6, "_bn2": 7}

_CLASSES = "classifier.5."  # has the shape of the classes that were learnt


def load_lite_weights(backbone: nn.Module, variant: int, file: Path, sha256: str) -> None:
    """Load a file of weights into EfficientNet-Lite, by name.

    Parameters
    ----------
    backbone
        An :class:`wsegs.nets.backbones.efficientnet_lite.EfficientNetLite` of any strides.
    variant
        0, 1 or 2.
    file, sha256
        Weights, alone or below ``state_dict``; the file's hash.

    Raises
    ------
    MissingError, DataError
        See :func:`wsegs.nets.weights.read_weights`.
    OptionError
        If they are weights of another network.
    """
    read = read_weights(file, sha256)
    wrapped = read.get("state_dict")
    given = {_own_name(str(name)): value for name, value in (wrapped if isinstance(wrapped, dict) else read).items()}
    _check(given, backbone, variant, file)
    backbone.load_state_dict({name: given[name] for name in backbone.state_dict()})


def _check(given: Mapping[str, Any], backbone: nn.Module, variant: int, file: Path) -> None:
    # Against all layers, since the variants do not differ in the first of them.
    with torch.device("meta"):
        whole = EfficientNetLite(variant, classes=1).state_dict()
    fault = f"backbone efficientnet-lite{variant}: {file} holds other weights"
    for name, value in given.items():
        if name not in whole:
            raise OptionError(f"{fault}: did not expect '{name}'")
        expected = tuple(whole[name].shape)
        got = tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
        if got != expected and not name.startswith(_CLASSES):
            raise OptionError(f"{fault}: expected '{name}' of shape {expected}, got {got}")
    missing = [name for name in backbone.state_dict() if name not in given]
    if missing:
        raise OptionError(f"{fault}: expected '{missing[0]}', got none ({len(missing)} are missing)")


def _own_name(name: str) -> str:
    """Return our name of a weight of the original's; any other name as it is.

    >>> _own_name("_blocks.0._bn2.bias"), _own_name("_blocks.1._bn2.bias"), _own_name("stem.0.weight")
    ('blocks.0.4.bias', 'blocks.1.7.bias', 'stem.0.weight')
    """
    layer, *rest = name.split(".")
    if layer in _OUTER:
        return ".".join((_OUTER[layer], *rest))
    if layer != "_blocks" or len(rest) != 3 or rest[1] not in _IN_BLOCK:
        return name
    number, inner, weight = rest
    return f"blocks.{number}.{_IN_BLOCK[inner] - (3 if number == '0' else 0)}.{weight}"
