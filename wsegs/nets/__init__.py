"""Networks, by name. A network is one module of this package, or of a package in it, and one recipe in ``models/``.

A module here defines a ``torch.nn.Module`` and registers it::

    @register("mynet")
    class MyNet(nn.Module):
        def __init__(self, heads: Mapping[str, int], size: tuple[int, int], ...): ...
        def forward(self, images: Tensor) -> NetworkOutput: ...

A class of one's own needs no registration: ``network: {class: my_package.nets:MyNet}`` in a recipe.

A network asks for what depends on the data by the names of its arguments:

``size``
    (H, W) of the images.
``heads``
    Outputs by the name of the task that learns them, such as ``{"attributes": 40, "age": 1}``: one vector each.
``attributes``
    The number of attributes, of a network whose only output they are.
``classes``
    The number of classes, of a network that parses. It has a method ``parse(images)``.
``regions``
    Names of the regions that it takes as the second argument of ``forward``, float (B, R, h, w) between 0 and 1. Its
    attribute ``region_size`` says their (h, w). If it weighs them against each other, it has a method
    ``region_weights(images, regions)``. If it has an option ``patch``, it takes patches about the parts of a face in
    place of regions, float (B, R, 3, h, w).

A network whose heads can be fitted on features by region, as it is, has a method ``read(images, regions)``; see
:class:`wsegs.nets.layers.linear_on_regions.LinearOnRegions`.

Its further arguments are the options that a recipe may give. An attribute ``map_size`` says the (h, w) of its maps.

Importing this package does not import torch: a module is imported when its network is built.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from wsegs.errors import OptionError
from wsegs.io.files import did_you_mean

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "IGNORE_INDEX",
    "NetworkOutput",
    "NetworkSignature",
    "build_network",
    "network_names",
    "register",
    "signature_of",
]

IGNORE_INDEX = 255
"""Class of a pixel that no loss and no score counts."""

FROM_DATA = ("heads", "attributes", "size", "classes", "regions")
"""Arguments of a network that depend on the data; all others are options of the recipe."""

_networks: dict[str, type[Any]] = {}

NetworkClass = TypeVar("NetworkClass", bound=type[Any])


class NetworkOutput(NamedTuple):
    """Output of ``forward``, of every network.

    Attributes
    ----------
    heads
        float (B, K) by name of a task, linear: logits of attributes, of categories, ...
    maps
        (B, A, h, w) float: where each attribute is, linear; None from a network that draws no maps.
    features
        (B, F) float: what the heads read; None from a network that reads maps.
    """

    heads: Mapping[str, Tensor]
    maps: Tensor | None = None
    features: Tensor | None = None

    @property
    def logits(self) -> Tensor:
        """(B, A) float: attribute logits."""
        return self.heads["attributes"]


@dataclass(frozen=True)
class NetworkSignature:
    """Arguments and outputs of a network, known without importing torch.

    Attributes
    ----------
    name
        As in the recipe.
    arguments
        Of its constructor.
    draws_maps
        Whether it draws a map for each attribute.
    reads_features
        Whether it reads features by region, on which heads are fitted while the network stays as it is.
    """

    name: str
    arguments: tuple[str, ...]
    draws_maps: bool
    reads_features: bool = False

    def wants(self, argument: str) -> bool:
        """Tell whether it asks for ``heads``, ``attributes``, ``classes`` or ``regions``."""
        return argument in self.arguments

    @property
    def has_heads(self) -> bool:
        """True for a network with outputs for whole images."""
        return self.wants("heads") or self.wants("attributes")

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Check the names of the options that a recipe gives.

        Raises
        ------
        OptionError
            If the network has no such option; the message names those that it has.
        """
        own = [argument for argument in self.arguments if argument not in FROM_DATA]
        for option in options:
            if option not in own:
                raise OptionError(
                    f"network '{self.name}' has no option '{option}': expected one of {', '.join(own)}"
                    f"{did_you_mean(option, own)}"
                )


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
    """Return the names of all networks of this package, sorted."""
    return tuple(sorted({*_registered(), *_networks}))


def signature_of(name: str) -> NetworkSignature:
    """Return what a network asks for, from the text of its module, so that mistakes show before torch is imported.

    Parameters
    ----------
    name
        As registered, or ``package.module:Class``, which is imported.

    Raises
    ------
    OptionError
        If there is no such network.
    """
    if ":" not in name and name not in _networks:
        if name not in _registered():
            known = network_names()
            raise OptionError(
                f"unknown network '{name}': expected one of {', '.join(known)}{did_you_mean(name, known)}"
            )
        return _registered()[name][1]
    network = _network_class(name)
    draws_maps = getattr(network, "map_size", "set by the constructor") is not None
    reads_features = hasattr(network, "read")
    return NetworkSignature(name, tuple(inspect.signature(network).parameters), draws_maps, reads_features)


def build_network(
    name: str,
    *,
    size: tuple[int, int],
    heads: Mapping[str, int] | None = None,
    classes: int | None = None,
    regions: Sequence[str] | None = None,
    **options: Any,
) -> nn.Module:
    """Build a network.

    Parameters
    ----------
    name
        As registered, or ``package.module:Class``.
    size
        (H, W) of the images.
    heads
        Outputs by task; ``attributes`` is the number of attributes.
    classes, regions
        The number of classes C, and the names of the R regions. A network is given what it asks for.
    **options
        The network's own.

    Returns
    -------
    A module that maps images, float (B, 3, H, W) between -1 and 1 (and regions, where it asks for them), to a
    :class:`NetworkOutput`, and has an attribute ``map_size``: the (h, w) of its maps, or None.

    Raises
    ------
    OptionError
        If there is no such network, it has no such option, lacks what it asks for or has no output for a head, or the
        images are too small.
    """
    signature = signature_of(name)
    signature.check_options(options)
    heads = dict(heads or {})
    if not signature.wants("heads"):
        others = [head for head in heads if head != "attributes" or not signature.wants("attributes")]
        if others:
            raise OptionError(f"network '{name}' has no output for '{others[0]}'; networks that ask for heads have")
    data = {
        "heads": heads or None,
        "attributes": heads.get("attributes"),
        "size": size,
        "classes": classes,
        "regions": regions,
    }
    wanted = {argument: value for argument, value in data.items() if signature.wants(argument)}
    for argument, value in wanted.items():
        if value is None:
            raise OptionError(f"network '{name}' needs {argument}, and the recipe has none")
    network: nn.Module = _network_class(name)(**wanted, **options)
    return network


def _network_class(name: str) -> type[Any]:
    if ":" not in name:
        if name not in _networks:
            importlib.import_module(_registered()[name][0])
        return _networks[name]
    module, _, attribute = name.partition(":")
    try:
        found: type[Any] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise OptionError(f"network: class: '{name}' cannot be imported ({error})") from None
    return found


@cache
def _registered() -> dict[str, tuple[str, NetworkSignature]]:
    """Return module and signature of each network of this package, by name, from the text of the modules."""
    found = {}
    for file in sorted(Path(__path__[0]).rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if "@register(" not in text:
            continue
        module = ".".join(file.relative_to(__path__[0]).with_suffix("").parts)
        for node in ast.parse(text).body:
            for name in _registered_names(node):
                assert isinstance(node, ast.ClassDef)
                found[name] = (f"{__name__}.{module}", _signature_of_class(name, node))
    return found


def _registered_names(node: ast.stmt) -> list[str]:
    """Return the names that a class is registered under by ``@register("name")``."""
    calls = [call for call in getattr(node, "decorator_list", []) if isinstance(call, ast.Call)]
    return [ast.literal_eval(call.args[0]) for call in calls if getattr(call.func, "id", "") == "register"]


def _signature_of_class(name: str, node: ast.ClassDef) -> NetworkSignature:
    (constructor,) = [part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
    arguments = tuple(argument.arg for argument in constructor.args.args[1:])
    no_maps = any(
        isinstance(part, ast.Assign) and getattr(part.targets[0], "id", "") == "map_size" for part in node.body
    )
    reads_features = any(isinstance(part, ast.FunctionDef) and part.name == "read" for part in node.body)
    return NetworkSignature(name, arguments, not no_maps, reads_features)
