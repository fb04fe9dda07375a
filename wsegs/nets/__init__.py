"""Networks, by name. A network is one module of this package and one recipe in ``models/``.

A module here defines a ``torch.nn.Module`` and registers it::

    @register("mynet")
    class MyNet(nn.Module):
        def __init__(self, attributes: int, size: tuple[int, int], ...): ...
        def forward(self, images: Tensor) -> NetworkOutput: ...

It asks for what depends on the data by the names of its arguments: ``attributes``, how many there are; ``size``, the
(H, W) of the images; ``classes``, how many a parser tells apart; ``regions``, the names of the regions that it wants
as the second argument of ``forward``, float (B, R, h, w) between 0 and 1, whose (h, w) it says as ``region_size``.
A network that parses has a method ``parse(images)``, one that weighs regions against each other
``region_weights(images, regions)``. Its further arguments are the options that a recipe may give.

Importing this package does not import torch: the modules are imported when a network is asked for.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from wsegs.errors import OptionError
from wsegs.io.files import did_you_mean

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["NetworkOutput", "build_network", "network_class", "network_names", "network_wants", "register"]

_networks: dict[str, type[Any]] = {}

_FROM_DATA = ("attributes", "size", "classes", "regions")

NetworkClass = TypeVar("NetworkClass", bound=type[Any])


class NetworkOutput(NamedTuple):
    """What every network that recognises attributes returns.

    Attributes
    ----------
    logits
        (B, A) float: attribute recognition before the sigmoid.
    maps
        (B, A, h, w) float: where each attribute is, linear; None from a network that draws no maps.
    """

    logits: Tensor
    maps: Tensor | None = None


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


def network_class(name: str) -> type[Any]:
    """Return a network's class.

    Raises
    ------
    OptionError
        If there is no such network.
    """
    known = network_names()
    if name not in known:
        raise OptionError(f"unknown network '{name}': expected one of {', '.join(known)}{did_you_mean(name, known)}")
    return _networks[name]


def network_wants(name: str, argument: str) -> bool:
    """Tell whether a network asks for ``attributes``, ``classes`` or ``regions``.

    Raises
    ------
    OptionError
        If there is no such network.
    """
    return argument in inspect.signature(network_class(name)).parameters


def build_network(
    name: str,
    *,
    size: tuple[int, int],
    attributes: int | None = None,
    classes: int | None = None,
    regions: Sequence[str] | None = None,
    **options: Any,
) -> nn.Module:
    """Build a network.

    Parameters
    ----------
    name
        As registered.
    size
        (H, W) of the images.
    attributes, classes, regions
        The number of attributes A and of classes C, and the names of the R regions. A network is given those that
        it asks for.
    **options
        The network's own.

    Returns
    -------
    A module that maps images, float (B, 3, H, W) between -1 and 1 (and regions, where it asks for them), to a
    :class:`NetworkOutput`, and has an attribute ``map_size``: the (h, w) of its maps, or None.

    Raises
    ------
    OptionError
        If there is no such network, it has no such option or lacks what it asks for, or the images are too small.
    """
    network_type = network_class(name)
    accepted = tuple(inspect.signature(network_type).parameters)
    for option in options:
        if option not in accepted:
            own = [other for other in accepted if other not in _FROM_DATA]
            raise OptionError(
                f"network '{name}' has no option '{option}': expected one of {', '.join(own)}"
                f"{did_you_mean(option, own)}"
            )
    data = {"attributes": attributes, "size": size, "classes": classes, "regions": regions}
    wanted = {argument: value for argument, value in data.items() if argument in accepted}
    for argument, value in wanted.items():
        if value is None:
            raise OptionError(f"network '{name}' needs {argument}, and the recipe has none")
    network: nn.Module = network_type(**wanted, **options)
    return network
