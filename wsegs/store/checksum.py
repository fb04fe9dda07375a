"""Checksums of a mask store's images, which say to which one a damaged byte belongs (:mod:`wsegs.checksum`)."""

from __future__ import annotations

from collections.abc import Sequence

import h5py

from wsegs.checksum import row_checksums

# What a row's checksum covers beside its regions and its name, in this order.
CHECKED = ("attributes", "landmarks", "affine", "identity", "split", "status")


def write_checksums(file: h5py.File, pixel_sums: Sequence[int]) -> None:
    """Write the checksums of a store whose other datasets are complete.

    Parameters
    ----------
    file
        The store.
    pixel_sums
        What :func:`wsegs.checksum.pixels_checksum` says of the regions of each of its N images.
    """
    names = file["image"].asstr("utf-8", "surrogateescape")[:].tolist()
    file["checksum"] = row_checksums(names, [file[name][:] for name in CHECKED], pixel_sums)
