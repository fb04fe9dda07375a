"""Format 1 of the mask store: the names of its objects, and the codec of a chunk.

One place for both, so that the writer and the reader cannot disagree. A chunk is one image, compressed by zlib
after a byte shuffle; this is HDF5's own gzip and shuffle filters, which every HDF5 library reads without a plug-in.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT_NAME = "wsegs mask store"
FORMAT_VERSION = 1

# A damaged chunk of theirs is found when it is read, by the checksum of zlib.
CHECKED_WHEN_READ = ("regions", "masks")

# The fastest level. A region map compresses some forty times at any level; the higher ones gain a tenth of the
# size for two to four times the time.
_COMPRESSION_LEVEL = 1


def chunk_filters(itemsize: int) -> dict[str, Any]:
    """Return the keywords of ``h5py.create_dataset`` for chunks that :func:`encode_chunk` made."""
    return {"compression": "gzip", "compression_opts": _COMPRESSION_LEVEL, "shuffle": itemsize > 1}


def encode_chunk(array: NDArray[Any]) -> bytes:
    """Return the bytes of one chunk as HDF5's shuffle and gzip filters would write them.

    Workers compress, so that the one process that writes only copies bytes.
    """
    array = np.ascontiguousarray(array)
    if array.itemsize > 1:
        # HDF5's shuffle: the first byte of every element, then the second, ...
        array = np.ascontiguousarray(array.reshape(-1).view(np.uint8).reshape(-1, array.itemsize).T)
    return zlib.compress(array.data, _COMPRESSION_LEVEL)
