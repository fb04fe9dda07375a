"""The training loader: images inside the mask store against image files.

    python benchmarks/loader.py [LANDMARKS] [--images 1024] [--network 218x178] [--workers 0 2] [--readme PAGE]

LANDMARKS is a landmark file whose images lie where it says (or --data); without one, photos of synthetic faces are
written first. Two stores of the same rows are made, one with its images inside, in the images' own frame and as crops
about the face. Both sides give the trainer's batches of 32: crops at the network's size, labels, region integers at
96x76. They take turns; the best round of each counts. The page cache is warm. The last column is the processor time of
all processes, with a share of starting the workers: it holds where others use the machine, too.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from readme_table import add_readme_option, show_table
from synthetic_faces import SIZE, synthetic_table, write_photos
from torch.utils.data import DataLoader
from tqdm import tqdm

from wsegs.cli.options import SIZE as SIZE_OPTION
from wsegs.geometry.frame import Frame
from wsegs.io.files import shipped_folder
from wsegs.landmarks.table import LandmarkTable, read_landmarks
from wsegs.rules import load_rules
from wsegs.store import MaskStore
from wsegs.store.images import find_root
from wsegs.store.writing.build import build_store
from wsegs.store.writing.encode_crops import CropOptions
from wsegs.tasks.batch import SampleFields
from wsegs.training.samples.loaders import start_worker
from wsegs.training.samples.opening import OpenStore
from wsegs.training.samples.sampler import BatchPlan, Moves
from wsegs.training.samples.sources import SampleDataset
from wsegs.training.samples.store_source import StoreSource

BATCH = 32
FIELDS = SampleFields(frozenset({"attributes"}), regions=(96, 76))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("landmarks", type=Path, nargs="?", help="a landmark file; without one, synthetic faces")
    parser.add_argument("--data", type=Path, help="where the images lie now")
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--network", default="218x178", help="size of the network's images")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2], help="processes of the DataLoader")
    parser.add_argument("--rounds", type=int, default=3)
    add_readme_option(parser)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    size = SIZE_OPTION.convert(arguments.network, None, None)
    with tempfile.TemporaryDirectory(prefix="wsegs-benchmark-") as name:
        folder = Path(name)
        if arguments.landmarks is None:
            table, root = synthetic_table(arguments.images), folder / "photos"
            write_photos(table, root, shipped_folder("faces") / "astronaut.jpg")
        else:
            table = _some(read_landmarks(arguments.landmarks), arguments.images)
            root = find_root(table.provenance, table.images[0], arguments.data, str(arguments.landmarks))
        sides: dict[tuple[str, str, int], tuple[SampleDataset, int]] = {}
        for frame in (_own_frame(table), Frame("face", SIZE)):
            for inside in (False, True):
                path = folder / f"{frame.kind}-{inside}.h5"
                images = CropOptions(root) if inside else None
                build_store(table, load_rules("celeba"), frame, path, images=images)
                crops = SampleDataset(StoreSource(OpenStore(MaskStore(path), root), size), FIELDS)
                for workers in arguments.workers:
                    source = "in the store" if inside else "files"
                    sides[frame.kind, source, workers] = (crops, path.stat().st_size if inside else 0)
        seconds = dict.fromkeys(sides, (float("inf"), float("inf")))
        for turn in tqdm(range(arguments.rounds), desc="rounds", disable=None):
            for side, (crops, _) in sides.items():
                wall, processor = _measure(crops, side[2], seed=turn)
                seconds[side] = (min(seconds[side][0], wall), min(seconds[side][1], processor))
        differences = {
            frame: _difference(sides[frame, "files", workers][0], sides[frame, "in the store", workers][0])
            for frame in dict.fromkeys(kind for kind, _, _ in sides)
        }
        file_bytes = sum((root / name).stat().st_size for name in table.images)
    count = len(table.images)
    lines = [
        "| frame | images | workers | images a second | times files | KB an image | processor ms an image |",
        "|---|---|---|---|---|---|---|",
    ]
    for (frame_kind, source, workers), (wall, processor) in seconds.items():
        times = seconds[frame_kind, "files", workers][0] / wall
        kilobytes = (sides[frame_kind, source, workers][1] or file_bytes) / count / 1e3
        speed, each = f"{count / wall:,.0f}", f"{processor / count * 1e3:.2f}"
        lines.append(f"| {frame_kind} | {source} | {workers} | {speed} | {times:.2f} | {kilobytes:.1f} | {each} |")
    lines += ["", f"Network {size[0]}x{size[1]}, batches of {BATCH}, {count} images, page cache warm."]
    differ = " and ".join(f"{each:.2f} ({frame})" for frame, each in differences.items())
    lines += [f"Crops from the store differ from those of the files by {differ} of 255 on average."]
    show_table(f"loader_{arguments.network}", "\n".join(lines), arguments.readme)


def _some(table: LandmarkTable, count: int) -> LandmarkTable:
    """Return the rows of some faces, evenly spread."""
    found = np.flatnonzero(table.found)
    rows = found[np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(np.intp)]
    columns = ("landmarks", "status", "faces", "boxes", "image_size", "attributes", "identity", "split")
    return replace(
        table,
        images=tuple(table.images[row] for row in rows.tolist()),
        **{column: np.asarray(getattr(table, column))[rows] for column in columns},
    )


def _own_frame(table: LandmarkTable) -> Frame:
    sizes = np.unique(table.image_size, axis=0)
    return Frame("image", (int(sizes[0, 1]), int(sizes[0, 0])) if len(sizes) == 1 else SIZE)


class _Plans:
    """Shuffled batches of all rows; a sampler."""

    def __init__(self, rows: int, seed: int) -> None:
        self.order = np.random.default_rng(seed).permutation(rows)

    def __len__(self) -> int:
        return -(-len(self.order) // BATCH)

    def __iter__(self) -> Iterator[BatchPlan]:
        for start in range(0, len(self.order), BATCH):
            rows = self.order[start : start + BATCH]
            yield BatchPlan(rows, Moves(np.zeros(len(rows), bool)))


def _measure(crops: SampleDataset, workers: int, seed: int) -> tuple[float, float]:
    """Return seconds of a pass and of processor time of the processes that read; their start is not counted in."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
        loader: DataLoader = DataLoader(
            crops,
            sampler=_Plans(len(crops), seed),
            batch_size=None,
            num_workers=workers,
            worker_init_fn=start_worker if workers else None,
            persistent_workers=workers > 0,
        )
        before = _processor_seconds()
        for _ in loader:  # workers start, files are opened, pages are read
            pass
        start, between = time.perf_counter(), _processor_seconds()
        for _ in loader:
            pass
        wall = time.perf_counter() - start
        if not workers:
            return wall, _processor_seconds() - between
        del loader  # the workers end, and their time is known: of two passes
    return wall, (_processor_seconds() - before) / 2


def _difference(one: SampleDataset, other: SampleDataset, rows: int = 256) -> float:
    """Return the mean absolute difference of the pixels of both sides' first crops."""
    plan = BatchPlan(np.arange(min(rows, len(one))), Moves(np.zeros(min(rows, len(one)), bool)))
    return float((one[plan].images.int() - other[plan].images.int()).abs().float().mean())


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
