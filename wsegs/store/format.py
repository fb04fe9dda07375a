"""Format 1 of the mask store: the names of its objects, and the codec of a chunk.

One place for both, so that the writer and the reader cannot disagree. Every chunk is compressed as HDF5's own gzip
filter would do it, which every HDF5 library reads without a plug-in. A chunk of ``/regions`` is one image, since
training reads images in any order; one of the other columns, which are read whole, is many rows.

zlib-ng writes the chunks: at level 5 they are a little larger than zlib's at level 6, in less than half of its time
(benchmarks/mask_codecs.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

FORMAT_NAME = "wsegs mask store"
FORMAT_VERSION = 1

ROWS_A_CHUNK = 1024  # of the columns that are read whole

_COMPRESSION_LEVEL = 5
CODEC = f"zlib-ng {zlib_ng.ZLIBNG_RUNTIME_VERSION}, level {_COMPRESSION_LEVEL}"
"""What decides the bytes of a chunk."""

CHECKED = ("attributes", "landmarks", "affine", "identity", "split", "status")
"""What a row's checksum (:mod:`wsegs.io.checksum`) covers beside its regions and its name, in this order.

Then follow numbers and categories (:func:`wsegs.landmarks.label_columns.label_columns`).
"""


def chunk_filters(*, shuffle: bool = False) -> dict[str, Any]:
    """Return the keywords of ``h5py.create_dataset`` for chunks that :func:`encode_chunk` made."""
    return {"compression": "gzip", "compression_opts": _COMPRESSION_LEVEL, "shuffle": shuffle}


def encode_chunk(array: NDArray[Any], *, shuffle: bool = False) -> bytes:
    """Return the bytes of one chunk as HDF5's gzip filter would write them, after its shuffle filter if asked.

    Workers compress, so that the one process that writes only copies bytes. Regions compress better as they are, floats
    and names after a shuffle.
    """
    array = np.ascontiguousarray(array)
    if shuffle:
        # HDF5's shuffle: the first byte of every element, then the second, ...
        array = np.ascontiguousarray(array.reshape(-1).view(np.uint8).reshape(-1, array.itemsize).T)
    return zlib_ng.compress(array, _COMPRESSION_LEVEL)
