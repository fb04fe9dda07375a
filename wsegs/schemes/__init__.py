"""Landmark schemes: how many points, which are the eyes, and which mirror which.

A scheme is data: a YAML file like those in this folder, a mapping in a rule file, or JSON in a file that wsegs wrote.
A leaf: landmarks and rules both need it and do not know each other.
"""

from wsegs.schemes.load import (
    find_scheme,
    get_scheme,
    load_scheme,
    scheme_from_mapping,
    scheme_from_node,
    scheme_names,
)
from wsegs.schemes.scheme import LandmarkScheme

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

IBUG68 = get_scheme("ibug68")  # what dlib, mtcnn's refinement and face-alignment find
CELEBA5 = get_scheme("celeba5")  # what every scheme can be reduced to
