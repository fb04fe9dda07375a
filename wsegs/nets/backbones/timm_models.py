"""Models of timm as backbones; imports timm.

timm itself would fetch weights: here it is only ever given those of a file, and no other source.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import safetensors.torch
import timm
import torch
from timm.models import clean_state_dict, get_pretrained_cfg_value
from torch import Tensor, nn

from wsegs.errors import DataError, OptionError
from wsegs.io.files import did_you_mean
from wsegs.nets.weights import check_weights_file, read_weights

_HOLDERS = ("state_dict_ema", "model_ema", "state_dict", "model")  # where trainers put weights, in timm's own order
_NO_SUCH_CLASSES = -1  # timm leaves out a classifier of another number of classes
_LONGEST = 300  # characters of a fault: timm lists all weights


class TimmBackbone(nn.Module):
    """Maps of a model of timm at some strides.

    Parameters
    ----------
    model
        timm's name, such as ``resnet18`` or ``resnet18.a1_in1k``.
    strides
        Of the maps that are wanted; of several maps of a stride the last is taken.

    Attributes
    ----------
    channels : dict
        Stride -> channels of its map.
    indices : tuple
        timm's number of each map, finest first.
    scale, shift : Tensor
        (1, 3, 1, 1): images times ``scale`` plus ``shift`` are normalised as the model wants them. They are saved with
        the weights, since another release of timm may have other defaults.

    Raises
    ------
    OptionError
        If there is no such model, or it has no maps of a stride.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, model: str, strides: Sequence[int]) -> None:
        super().__init__()
        indices = map_indices(model)
        self._model = model
        self._strides = tuple(sorted(strides))
        self.indices = tuple(indices[stride] for stride in self._strides)
        self.network = _build(model, out_indices=self.indices)
        self.channels = dict(zip(self._strides, self.network.feature_info.channels(), strict=True))
        self._channels_last = getattr(self.network, "output_fmt", "NCHW") == "NHWC"
        config = self.network.pretrained_cfg
        self._only_size = tuple(config["input_size"][1:]) if config.get("fixed_input_size") else None
        mean, std = (torch.tensor(config[key]).reshape(1, 3, 1, 1) for key in ("mean", "std"))
        self.register_buffer("scale", 0.5 / std)
        self.register_buffer("shift", (0.5 - mean) / std)

    def forward(self, images: Tensor) -> dict[int, Tensor]:
        """Return maps (B, C, h, w) by stride, of images (B, 3, H, W) from -1 to 1.

        Raises
        ------
        OptionError
            If the model takes images of one size only, and these are of another.
        """
        if self._only_size and tuple(images.shape[2:]) != self._only_size:
            wanted, got = ("x".join(map(str, size)) for size in (self._only_size, images.shape[2:]))
            raise OptionError(f"backbone timm:{self._model}: takes images of {wanted} only, got {got}")
        maps = self.network(images * self.scale + self.shift)
        if self._channels_last:
            maps = [each.permute(0, 3, 1, 2) for each in maps]
        return dict(zip(self._strides, maps, strict=True))


@cache
def map_indices(model: str) -> dict[int, int]:
    """Return timm's number of the last map of each stride, finest first.

    Raises
    ------
    OptionError
        If there is no such model, or it has no maps.
    """
    known = [*timm.list_models(), *timm.list_models(pretrained=True)]  # without tags, and with
    if model not in known:
        near = did_you_mean(model, known)
        raise OptionError(f"backbone timm:{model}: timm {timm.__version__} has no such model{near}")
    with torch.random.fork_rng(devices=[]):  # so that a first call leaves the random numbers as a later one does
        network = _build(model)
    # A map without a module cannot be taken.
    return {info["reduction"]: number for number, info in enumerate(network.feature_info.info) if info["module"]}


def load_timm_weights(backbone: nn.Module, model: str, file: Path, sha256: str) -> None:
    """Load a file of weights into a :class:`TimmBackbone`; timm renames those of older releases and other authors.

    Parameters
    ----------
    backbone
        Gets them.
    model
        timm's name.
    file, sha256
        Weights of the whole model: ``.safetensors``, or written by ``torch.save``. The file's hash.

    Raises
    ------
    MissingError, DataError
        If there is no such file, or it is not the one that it was, or holds no weights.
    OptionError
        If they are weights of another model.
    """
    assert isinstance(backbone, TimmBackbone)
    given = _read(file, sha256)
    try:
        with torch.random.fork_rng(devices=[]):
            # timm is strict about the names of a whole model, not about those of one that returns its maps.
            _build_with(model, given, _classes_of(model, given))
            loaded = _build_with(model, given, _NO_SUCH_CLASSES, features_only=True, out_indices=backbone.indices)
    except Exception as error:  # whatever timm trips over as it renames weights of another model
        raise OptionError(f"backbone timm:{model}: {file} holds other weights: {_one_line(error)}") from None
    backbone.network.load_state_dict(loaded.state_dict())


def _read(file: Path, sha256: str) -> dict[str, Tensor]:
    if file.suffix == ".safetensors":
        check_weights_file(file, sha256)
        try:
            read = dict(safetensors.torch.load_file(file))
        except Exception as error:
            raise DataError(f"{file}: damaged, or not a file of safetensors ({_one_line(error)})") from None
    else:
        read = read_weights(file, sha256)
    held = next((read[holder] for holder in _HOLDERS if isinstance(read.get(holder), dict)), read)
    given: dict[str, Tensor] = clean_state_dict(held)  # of the prefixes of wrapped models
    if not given or not all(isinstance(value, Tensor) for value in given.values()):
        raise DataError(f"{file}: expected weights by name, got {', '.join(map(str, list(held)[:4])) or 'nothing'}")
    return given


def _classes_of(model: str, given: Mapping[str, Tensor]) -> int:
    """Return the number of classes that the weights are for; 0 if they have no classifier."""
    names = get_pretrained_cfg_value(model, "classifier") or ""
    bias = f"{names if isinstance(names, str) else names[0]}.bias"
    return len(given[bias]) if bias in given else 0


def _build_with(model: str, given: Mapping[str, Tensor], classes: int, **options: Any) -> Any:
    """Let timm build a model with the given weights of so many classes, and with no other source of weights."""
    overlay: dict[str, Any] = dict.fromkeys(("source", "url", "file", "hf_hub_id", "hf_hub_filename"))
    overlay |= {"state_dict": dict(given), "custom_load": False, "num_classes": classes, "label_offset": 0}
    log = logging.getLogger("timm.models")
    level = log.level
    log.setLevel(logging.ERROR)  # it warns of the classifier that it leaves out
    try:
        return timm.create_model(model, pretrained=True, pretrained_cfg_overlay=overlay, **options)
    finally:
        log.setLevel(level)


def _build(model: str, **options: Any) -> Any:
    """Build a model that returns its maps."""
    try:
        network = timm.create_model(model, pretrained=False, features_only=True, **options)
        network.feature_info.info  # noqa: B018 - a model that returns no maps lacks it
    except Exception as error:  # each kind of model says it in its own way
        raise OptionError(f"backbone timm:{model}: has no feature maps ({_one_line(error)})") from None
    return network


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
