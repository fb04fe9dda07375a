"""Weights of a network that come from elsewhere: read safely, matched by name, frozen."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from wsegs.errors import DataError, MissingError, OptionError
from wsegs.io.files import sha256_of


class Trunk(Protocol):
    """Layers whose weights come from elsewhere; see :class:`wsegs.training.plan.TrunkPlan`."""

    @property
    def source(self) -> Path:
        """A run folder, or a file of weights."""

    @property
    def layers(self) -> Mapping[str, str]:
        """Prefix of the network's weights -> prefix in the source."""

    @property
    def frozen(self) -> bool:
        """Whether they stay as they are."""


def read_weights(file: Path, sha256: str | None = None) -> dict[str, Any]:
    """Read a file of tensors and plain values that ``torch.save`` wrote; never runs code from the file.

    Parameters
    ----------
    file
        In torch's present format, a ZIP archive.
    sha256
        Of the file; it is compared first, and torch's older formats are then read too. None: not known.

    Raises
    ------
    MissingError
        If there is none.
    DataError
        If it is cut short or is another file.
    """
    check_weights_file(file, sha256)
    try:
        with file.open("rb") as start:
            if sha256 is None and start.read(4) != b"PK\x03\x04":  # torch's older formats have no checksums
                raise ValueError("no ZIP archive")
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of a pickle that is none of torch's own
            weights = torch.load(file, map_location="cpu", weights_only=True)
    # torch lets through whatever a damaged file trips over: struct.error, IndexError, ...
    except Exception as error:
        fault = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"{file}: damaged, or not a checkpoint ({fault})") from None
    if not isinstance(weights, dict):
        raise DataError(f"{file}: expected weights by name, got {type(weights).__name__}")
    return weights


def check_weights_file(file: Path, sha256: str | None = None) -> None:
    """Check that a file is there, and where its sha256 is known, that it is the one that was meant.

    Raises
    ------
    MissingError
        If there is none.
    DataError
        If its sha256 differs.
    """
    if not file.is_file():
        raise MissingError(f"{file}: no such file of weights")
    if sha256 is not None and (found := sha256_of(file)) != sha256:
        raise DataError(f"{file}: damaged, or another file: expected sha256 {sha256}, got {found}")


def copy_layers(network: nn.Module, weights: Mapping[str, Tensor], layers: Mapping[str, str], source: Path) -> None:
    """Copy the weights of some layers into a network.

    Parameters
    ----------
    network
        Gets them.
    weights
        By the names that they have in ``source``.
    layers
        Prefix of the network's weights -> prefix in ``weights``.
    source
        For messages.

    Raises
    ------
    OptionError
        If the network has no such layer, the source lacks a weight of it, or it is of another shape.
    """
    own = network.state_dict()
    for layer, theirs in layers.items():
        names = [name for name in own if name == layer or name.startswith(f"{layer}.")]
        if not names:
            top = sorted({name.partition(".")[0] for name in own})
            raise OptionError(f"network: trunks: no layer '{layer}': expected one of {', '.join(top)}, or part of it")
        for name in names:
            given = theirs + name.removeprefix(layer)
            if given not in weights:
                some = ", ".join(list(weights)[:4])
                raise OptionError(f"network: trunks: {source} has no weight '{given}'; it has {some}, ...")
            if weights[given].shape != own[name].shape:
                raise OptionError(
                    f"network: trunks: {source}: expected '{given}' of shape {tuple(own[name].shape)},"
                    f" got {tuple(weights[given].shape)}"
                )
            own[name].copy_(weights[given])  # a state_dict shares memory with its network


def freeze(network: nn.Module, trunks: Sequence[Trunk]) -> None:
    """Leave the weights of frozen trunks as they are."""
    for module in frozen_modules(network, trunks):
        module.requires_grad_(False)


def frozen_modules(network: nn.Module, trunks: Sequence[Trunk]) -> Iterator[nn.Module]:
    """Yield the layers of a network that stay as they are."""
    for trunk in trunks:
        if trunk.frozen:
            for layer in trunk.layers:
                yield network.get_submodule(layer)
