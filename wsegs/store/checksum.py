"""Checksums of a mask store's images, which say to which one a damaged byte belongs (:mod:`wsegs.checksum`)."""

from __future__ import annotations

from collections.abc import Sequence

import h5py
import numpy as np
from numpy.typing import NDArray

from wsegs.checksum import row_checksums

# What a row's checksum covers beside its regions and its name, in this order.
CHECKED = ("attributes", "landmarks", "affine", "identity", "split", "status")


def checksum_rows(file: h5py.File, pixel_sums: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint32]:
    """Return the checksums of a store whose other datasets are complete, (N,).

    Parameters
    ----------
    file
        The store.
    pixel_sums
        What :func:`wsegs.checksum.pixels_checksum` says of the regions of each of its N images.
    """
    names = file["image"].asstr("utf-8", "surrogateescape")[:].tolist()
    return row_checksums(names, [file[name] for name in CHECKED], pixel_sums)
