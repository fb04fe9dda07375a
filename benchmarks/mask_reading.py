"""Reading masks for training: a mask store against forty image files an image.

    python benchmarks/mask_reading.py [MASKS] [--images 256] [--rounds 5] [--workers 2] [--readme PAGE]

MASKS is any store; without one, a store of synthetic faces is drawn first. Both sides read the same rows in the same
shuffled batches of 32 and give Boolean masks of all attributes at 96x76. The other side is the straightforward one:
a JPEG of the store's size for each attribute of each image, decoded to grey, picked by nearest neighbour, thresholded,
once with OpenCV and once with Pillow, as torchvision's data sets read.
The sides take turns; the best round of each counts. Processor time is what a side needs where it has a core for
itself; it is not known of workers. ``--cold`` asks the system to forget the files before each round.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import torch
from readme_table import add_readme_option, show_table
from synthetic_faces import SIZE, synthetic_table
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from wsegs.geometry.frame import Frame
from wsegs.rules import load_rules
from wsegs.store import MaskStore
from wsegs.store.writing.build import build_store

BATCH = 32
MAP_SIZE = (96, 76)
Batch = np.ndarray
Reader = Callable[[Sequence[int]], Batch]


class FileReader:
    """Forty image files an image, read as one would without a store."""

    def __init__(self, folder: Path, attributes: int) -> None:
        self.folder = folder
        self.attributes = attributes

    def __call__(self, rows: Sequence[int]) -> Batch:
        """Return the batch."""
        out = np.zeros((len(rows), self.attributes, *MAP_SIZE), bool)
        for position, row in enumerate(rows):
            for attribute in range(self.attributes):
                mask = cv2.imread(str(self.folder / f"{row}-{attribute}.jpg"), cv2.IMREAD_GRAYSCALE)
                out[position, attribute] = cv2.resize(mask, MAP_SIZE[::-1], interpolation=cv2.INTER_NEAREST) > 127
        return out


class PillowReader(FileReader):
    """The same files by Pillow, as torchvision's data sets read them."""

    def __call__(self, rows: Sequence[int]) -> Batch:
        """Return the batch."""
        out = np.zeros((len(rows), self.attributes, *MAP_SIZE), bool)
        for position, row in enumerate(rows):
            for attribute in range(self.attributes):
                with PIL.Image.open(self.folder / f"{row}-{attribute}.jpg") as file:
                    mask = file.convert("L").resize(MAP_SIZE[::-1], PIL.Image.Resampling.NEAREST)
                out[position, attribute] = np.asarray(mask) > 127
        return out


class StoreMasks:
    """Masks of a store, all attributes expanded."""

    def __init__(self, store: MaskStore) -> None:
        self.store = store

    def __call__(self, rows: Sequence[int]) -> Batch:
        """Return the batch."""
        return self.store.masks(rows, MAP_SIZE)


class StoreRegions(StoreMasks):
    """Region integers of a store, which the trainer expands where it computes."""

    def __call__(self, rows: Sequence[int]) -> Batch:
        """Return the batch."""
        return self.store.regions(rows, MAP_SIZE)


class Batches(Dataset[torch.Tensor]):
    """Batches of a reader, for a DataLoader."""

    def __init__(self, reader: Reader, batches: Sequence[Sequence[int]]) -> None:
        self.reader = reader
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(self.reader(self.batches[index]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("masks", type=Path, nargs="?", help="a mask store; without one, synthetic faces")
    parser.add_argument("--images", type=int, default=256, help="images whose forty files are written and read")
    parser.add_argument("--more", type=int, default=16, help="the store's side reads so many times as many rows")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2, help="processes of the DataLoader; 0 leaves it out")
    parser.add_argument("--cold", action="store_true", help="forget the files' pages before each round")
    add_readme_option(parser)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)

    with tempfile.TemporaryDirectory(prefix="wsegs-benchmark-") as name:
        folder = Path(name)
        store = MaskStore(arguments.masks or _synthetic_store(folder, arguments.images * arguments.more))
        rng = np.random.default_rng(0)
        chosen = rng.permutation(len(store))[: arguments.images]
        _write_files(store, chosen, folder)
        many = [rng.permutation(len(store)) for _ in range(-(-arguments.images * arguments.more // len(store)))]
        rows = np.concatenate(many)[: arguments.images * arguments.more]
        attributes = len(store.attribute_names)
        sides: dict[str, tuple[Reader, np.ndarray, int]] = {
            "forty files an image, OpenCV": (FileReader(folder, attributes), chosen, 0),
            "forty files an image, Pillow": (PillowReader(folder, attributes), chosen, 0),
            "store: masks": (StoreMasks(store), rows, 0),
            "store: region integers": (StoreRegions(store), rows, 0),
        }
        if arguments.workers:
            beside = f", DataLoader, {arguments.workers} workers"
            sides[f"store: masks{beside}"] = (StoreMasks(store), rows, arguments.workers)
            sides[f"store: region integers{beside}"] = (StoreRegions(store), rows, arguments.workers)
        pages = [store.path, *folder.glob("*.jpg")] if arguments.cold else []
        seconds = dict.fromkeys(sides, float("inf"))
        processor = dict(seconds)
        for _ in tqdm(range(arguments.rounds), desc="rounds", disable=None):
            for side, (reader, order, workers) in sides.items():
                _forget(pages)
                before = time.process_time()
                seconds[side] = min(seconds[side], _measure(reader, order, workers) / len(order))
                processor[side] = min(processor[side], (time.process_time() - before) / len(order))
        file_bytes = sum(path.stat().st_size for path in folder.glob("*.jpg")) / len(chosen)
        store_bytes = store.path.stat().st_size / len(store)
    lines = [
        "| reader | images a second | by processor time | times OpenCV | times Pillow | KB an image on disk |",
        "|---|---|---|---|---|---|",
    ]
    for side, (_, _, workers) in sides.items():
        # Processor time where it is known on both sides.
        time_of = seconds if workers else processor
        ratios = [f"{time_of[f'forty files an image, {name}'] / time_of[side]:.3g}" for name in ("OpenCV", "Pillow")]
        own = "" if workers else f"{1 / processor[side]:,.0f}"
        kilobytes = (store_bytes if side.startswith("store") else file_bytes) / 1e3
        lines.append(f"| {side} | {1 / seconds[side]:,.0f} | {own} | {ratios[0]} | {ratios[1]} | {kilobytes:.1f} |")
    lines.append("")
    cache = "forgotten before each round" if arguments.cold else "warm"
    lines.append(f"Batches of {BATCH}, {len(store.attribute_names)} attributes, 96x76; page cache {cache}.")
    show_table("mask_reading", "\n".join(lines), arguments.readme)


def _synthetic_store(folder: Path, count: int) -> Path:
    build_store(synthetic_table(count), load_rules("celeba"), Frame("image", SIZE), folder / "masks.h5")
    return folder / "masks.h5"


def _write_files(store: MaskStore, rows: np.ndarray, folder: Path) -> None:
    for row in tqdm(rows.tolist(), desc="files", disable=None):
        for attribute, mask in enumerate(store[row]):
            cv2.imwrite(str(folder / f"{row}-{attribute}.jpg"), mask.astype(np.uint8) * 255)


def _measure(reader: Reader, rows: np.ndarray, workers: int) -> float:
    """Return the seconds that a pass takes; processes are started before."""
    batches = [rows[start : start + BATCH].tolist() for start in range(0, len(rows), BATCH)]
    if not workers:
        start = time.perf_counter()
        for batch in batches:
            reader(batch)
        return time.perf_counter() - start
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
        loader = DataLoader(
            Batches(reader, batches),
            batch_size=None,
            num_workers=workers,
            persistent_workers=True,
            worker_init_fn=lambda _: cv2.setNumThreads(1),
        )
        for _ in loader:
            pass
        start = time.perf_counter()
        for _ in loader:
            pass
        return time.perf_counter() - start


def _forget(paths: Sequence[Path]) -> None:
    """Ask the system to drop the pages of files that are written out."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


if __name__ == "__main__":
    main()
