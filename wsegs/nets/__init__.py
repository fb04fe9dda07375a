"""Networks, by name. A network is one module of this package and one recipe in ``models/``.

A module here defines a ``torch.nn.Module`` and registers it::

    @register("mynet")
    class MyNet(nn.Module):
        def __init__(self, attributes: int, size: tuple[int, int], ...): ...
        def forward(self, images: Tensor) -> NetworkOutput: ...

Its further arguments are the options that a recipe may give. Importing this package does not import torch: the
modules are imported when a network is asked for.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from wsegs.errors import OptionError
from wsegs.files import nearest

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["NetworkOutput", "build_network", "network_names", "register"]

_networks: dict[str, type[Any]] = {}

NetworkClass = TypeVar("NetworkClass", bound=type[Any])


class NetworkOutput(NamedTuple):
    """What every network returns.

    Attributes
    ----------
    logits
        (B, A) float: attribute recognition before the sigmoid.
    maps
        (B, A, h, w) float: where each attribute is, linear; None from a network that draws no maps.
    """

    logits: Tensor
    maps: Tensor | None


def register(name: str) -> Callable[[NetworkClass], NetworkClass]:
    """Register a network class under ``name``.

    Raises
    ------
    ValueError
        If another class has that name.
    """

    def decorate(network: NetworkClass) -> NetworkClass:
        if name in _networks:
            raise ValueError(f"network '{name}' is registered twice: {_networks[name].__name__}, {network.__name__}")
        _networks[name] = network
        return network

    return decorate


def network_names() -> tuple[str, ...]:
    """Return the names of all networks, sorted."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return tuple(sorted(_networks))


def build_network(name: str, **options: Any) -> nn.Module:
    """Build a network.

    Parameters
    ----------
    name
        As registered.
    **options
        ``attributes``, the number of attributes A, ``size``, the (H, W) of the images, and the network's own.

    Returns
    -------
    A module that maps images, float (B, 3, H, W) between -1 and 1, to a :class:`NetworkOutput`, and has an
    attribute ``map_size``: the (h, w) of its maps, or None.

    Raises
    ------
    OptionError
        If there is no such network, it has no such option, or the images are too small for it.
    """
    known = network_names()
    if name not in known:
        raise OptionError(f"unknown network '{name}': expected one of {', '.join(known)}{nearest(name, known)}")
    accepted = tuple(inspect.signature(_networks[name]).parameters)
    for option in options:
        if option not in accepted:
            own = [other for other in accepted if other not in ("attributes", "size")]
            raise OptionError(
                f"network '{name}' has no option '{option}': expected one of {', '.join(own)}{nearest(option, own)}"
            )
    network: nn.Module = _networks[name](**options)
    return network
