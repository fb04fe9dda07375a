"""Format 1 of ``features.h5``, HDF5. ``N`` images, ``R`` regions, ``C`` channels at a stride.

=================== ======================== ===============================================================
object              type, shape              meaning
=================== ======================== ===============================================================
``/s4``, ``/s8``, … float16 (N, R + 1, C)    what the maps of that stride say in each region; row R is the
                                             mean over the whole image; nan where the image is unreadable
``/mirrored/s4``, … float16 (N, R + 1, C)    of the mirrored images; only where they were asked for
``/image``          str (N,)                 name relative to the data set's root, the key that rows join by
``/status``         uint8 (N,)               0 unreadable, 1 its own regions, 2 those of the mean face
``/checksum``       uint32 (N,)              crc32 of each row's features, stride by stride, then of its name
                                             and its status; ``/mirrored/checksum`` of the mirrored ones
attributes of ``/`` str                      format, version, wsegs, region_names, identity (both JSON)
=================== ======================== ===============================================================

The identity says what made the features: the mask store, its rules and frame, the network, its backbone and weights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wsegs.io.integrity import find_format

FORMAT_NAME = "wsegs features"
FORMAT_VERSION = 1

UNREADABLE, OWN, MEAN_FACE = 0, 1, 2

ROWS_A_CHUNK = 64
MIRRORED = "mirrored"


def is_feature_file(path: Path) -> bool:
    """Tell whether a file says of itself that it holds features; see :func:`wsegs.io.integrity.find_format`."""
    return find_format(path, [FORMAT_NAME]) is not None


def difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Return in words what differs first between two identities; empty if nothing does.

    >>> difference({"rules": "a", "size": [224, 192]}, {"rules": "b", "size": [224, 192]})
    'rules: "a" there, "b" wanted'
    """
    for key in [*wanted, *(key for key in found if key not in wanted)]:
        there, here = (json.dumps(each.get(key), sort_keys=True) for each in (found, wanted))
        if there != here:
            return f"{key}: {there} there, {here} wanted"
    return ""
