"""Landmark schemes: how many points, which are the eyes, and which mirror which.

A scheme is data: a YAML file like those in this folder, a mapping in a rule file, or JSON in a file that wsegs wrote.
A leaf: landmarks and rules both need it and do not know each other.

Names load on first use, since pydantic checks schemes that are read, and workers that draw need none of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsegs.schemes.scheme import LandmarkScheme

if TYPE_CHECKING:
    from wsegs.schemes.load import (
        find_scheme,
        get_scheme,
        load_scheme,
        scheme_from_mapping,
        scheme_from_node,
        scheme_names,
    )

    IBUG68: LandmarkScheme
    """What dlib, mtcnn's refinement and face-alignment find."""

    CELEBA5: LandmarkScheme
    """What every scheme can be reduced to."""

__all__ = [
    "CELEBA5",
    "IBUG68",
    "LandmarkScheme",
    "find_scheme",
    "get_scheme",
    "load_scheme",
    "scheme_from_mapping",
    "scheme_from_node",
    "scheme_names",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from wsegs.schemes import load

    value = load.get_scheme(name.lower()) if name in ("CELEBA5", "IBUG68") else getattr(load, name)
    globals()[name] = value
    return value
