"""The codec and the chunks of a mask store: size, time to compress, and time to read images in any order.

    python benchmarks/mask_codecs.py [LANDMARKS] [--rules celeba] [--images 512]

LANDMARKS is a landmarks.h5 of real faces; the average face, if not given. Regions of such faces, moved by a few pixels,
are drawn once, and written to an HDF5 file by each codec and with each number of images a chunk; then single images are
read in a random order, from a file that the system has in memory. All are filters that HDF5 itself has. The first row
is the default of wsegs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from masks_speed import SIZE, jittered, real_or_made_up
from zlib_ng import zlib_ng

from wsegs.rules import load_rules

try:
    from isal import isal_zlib
except ImportError:
    isal_zlib = None

Compress = Callable[[bytes], bytes]


def codecs() -> list[tuple[str, Compress | None, bool]]:
    """Return name, how a chunk is compressed (None: by HDF5 itself, as LZF), and whether it is shuffled before."""
    found: list[tuple[str, Compress | None, bool]] = []
    for library, module, levels in (("zlib-ng", zlib_ng, (5, 1, 2, 3, 4, 6, 9)), ("zlib", zlib, (1, 6, 9))):
        found += [(f"gzip {level}, {library}", _at_level(module, level), False) for level in levels]
    found += [(f"shuffle, gzip {level}, zlib-ng", _at_level(zlib_ng, level), True) for level in (1, 5)]
    found += [(f"shuffle, gzip {level}, zlib", _at_level(zlib, level), True) for level in (1, 6)]
    if isal_zlib is not None:
        found += [(f"gzip {level}, isal", _at_level(isal_zlib, level), False) for level in (1, 2)]
        found += [("shuffle, gzip 1, isal", _at_level(isal_zlib, 1), True)]
    return [*found, ("lzf", None, False), ("shuffle, lzf", None, True)]


def _at_level(module: Any, level: int) -> Compress:
    return lambda data: module.compress(data, level)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("landmarks", type=Path, nargs="?", help="a landmarks.h5 of real faces, 68 points")
    parser.add_argument("--rules", default="celeba", help="name or path")
    parser.add_argument("--images", type=int, default=512, help="images to draw; a multiple of 16")
    parser.add_argument("--chunks", type=int, nargs="+", default=[1, 4, 16], help="images a chunk of the default codec")
    arguments = parser.parse_args()

    rules = load_rules(arguments.rules)
    table = jittered(real_or_made_up(arguments.landmarks), arguments.images)
    regions = rules.draw(table.landmarks, SIZE)
    (default, *others) = codecs()
    print(f"rules {rules.name}: {regions.dtype} {SIZE[0]}x{SIZE[1]}, {len(regions)} images, shuffled reading\n")
    print("| codec | images a chunk | bytes an image | ms to compress one | ms to read one |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "regions.h5")
        for images in arguments.chunks:
            print(row(path, regions, *default, images), flush=True)
        for codec in others:
            print(row(path, regions, *codec, 1), flush=True)


def row(path: Path, regions: np.ndarray, name: str, compress: Compress | None, shuffle: bool, images: int) -> str:
    """Write and read the regions by one codec; return the row of the table."""
    with h5py.File(path, "w") as file:
        filters = {"compression": "lzf"} if compress is None else {"compression": "gzip"}
        dataset = file.create_dataset(
            "regions", regions.shape, regions.dtype, chunks=(images, *SIZE), shuffle=shuffle, **filters
        )
        parts = [regions[start : start + images] for start in range(0, len(regions), images)]
        encoded: list[bytes] = []

        def write() -> None:
            if compress is None:
                for number, part in enumerate(parts):
                    dataset[number * images : (number + 1) * images] = part
                file.flush()
            else:
                encoded[:] = [compress(_shuffled(part) if shuffle else part) for part in parts]

        writing = best_of(write)
        for number, chunk in enumerate(encoded):
            dataset.id.write_direct_chunk((number * images, 0, 0), chunk)
        size = dataset.id.get_storage_size()
    order = np.random.default_rng(0).permutation(len(regions)).tolist()
    picture = np.empty(SIZE, regions.dtype)
    with h5py.File(path) as file:
        dataset = file["regions"]

        def read() -> None:
            for index in order:
                dataset.read_direct(picture, np.s_[index])

        reading = best_of(read)
        assert (picture == regions[order[-1]]).all()
    each = len(regions)
    return f"| {name} | {images} | {size / each:,.0f} | {writing / each * 1e3:.3f} | {reading / each * 1e3:.3f} |"


def best_of(work: Callable[[], None], rounds: int = 3) -> float:
    """Return the seconds of the fastest of some rounds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def _shuffled(images: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(images.reshape(-1).view(np.uint8).reshape(-1, images.itemsize).T)


if __name__ == "__main__":
    main()
