"""Speed of ``wsegs features`` beside the bare backbone, and the memory of writing, for ``region_probe.py``."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from region_probe_features import BACKBONE, STRIDES, load_backbone

from wsegs.features.build import Rows, build_features
from wsegs.features.format import OWN
from wsegs.geometry.warp import warp_image
from wsegs.io.images import read_image
from wsegs.nets.images import normalise
from wsegs.training.fitting.reading import FeatureReader, ReadImages, _Images
from wsegs.training.recipe import load_recipe
from wsegs.training.resolve import Overrides, resolve

_BATCH = 16
_ROWS = 200_000
_SHAPES = {4: (16, 24), 8: (16, 40), 16: (16, 112)}  # of the recipe
_MEBIBYTE = 1 << 20


class _Decoded:
    """Images that were read beforehand."""

    def __init__(self, images: _Images, rows: NDArray[np.intp]) -> None:
        self._found = {int(some[0]): images.read(some) for some in _batches(rows)}

    def read(self, rows: NDArray[np.intp]) -> ReadImages:
        return self._found[int(rows[0])]


def _batches(rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    return [rows[first : first + _BATCH] for first in range(0, len(rows), _BATCH)]


def reading_speed(masks: Path, repeats: int, images: int = 96) -> list[str]:
    """Return the lines of a table: images a second of one core, alternating; median, least and most."""
    torch.set_num_threads(1)
    plan = resolve(load_recipe("region-probe"), Overrides(masks=masks))
    rows = np.arange(images)
    reader, decoding = FeatureReader(plan), FeatureReader(plan)
    parts = decoding._parts()
    decoded = _Decoded(parts.images, rows)
    reader._loaded = parts._replace(images=decoded)  # type: ignore[arg-type]
    backbone = load_backbone()
    tensors = [read.batch.images for some in _batches(rows) if (read := decoded.read(some)).batch is not None]
    source = parts.images._source
    root, names = Path(source._root), source.labelled.images  # type: ignore[attr-defined]

    def bare() -> None:
        _run(backbone, tensors)

    def bare_decoding() -> None:
        size = plan.network.size
        for some in _batches(rows):
            crops = [warp_image(read_image(root / names[row]), source.matrix(int(row)), size) for row in some]
            _run(backbone, [torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)])

    ways: dict[str, Callable[[], None]] = {
        "bare": bare,
        "reader": lambda: _read(reader, rows),
        "bare, decoding": bare_decoding,
        "reader, decoding": lambda: _read(decoding, rows),
    }
    speeds: dict[str, list[float]] = {way: [] for way in ways}
    for repeat in range(repeats + 1):
        for way, run in ways.items():
            began = time.process_time()  # of this one process: other programs share the cores
            run()
            if repeat:  # the first warms up
                speeds[way].append(images / (time.process_time() - began))
    lines = ["| images | bare backbone, images a second | reader | reader / bare |", "|---|---|---|---|"]
    for title, ending in (("decoded beforehand", ""), ("read from JPEG files", ", decoding")):
        one, other = np.array(speeds[f"bare{ending}"]), np.array(speeds[f"reader{ending}"])
        cells = (_spread(one, 1), _spread(other, 1), _spread(other / one, 2))
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return lines


def _run(backbone: torch.nn.Module, batches: Sequence[torch.Tensor]) -> None:
    with torch.inference_mode():
        for images in batches:
            backbone(normalise(images).contiguous(memory_format=torch.channels_last))


def _read(reader: FeatureReader, rows: NDArray[np.intp]) -> None:
    for some in _batches(rows):
        reader.read(some)


def _spread(values: NDArray[np.float64], digits: int) -> str:
    return f"{np.median(values):.{digits}f} ({values.min():.{digits}f} to {values.max():.{digits}f})"


class _MadeUp:
    """A reader of features that costs nothing."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def read(self, rows: NDArray[np.intp]) -> Rows:
        rng = np.random.default_rng(int(rows[0]))
        blocks = {
            f"s{stride}": rng.random((len(rows), *shape), np.float32).astype(np.float16)
            for stride, shape in _SHAPES.items()
        }
        return Rows(blocks, np.full(len(rows), OWN, np.uint8))

    def stream(self, parts: Sequence[NDArray[np.intp]], jobs: int) -> Iterator[Rows] | None:
        return None


def write_made_up(folder: Path, count: int) -> None:
    """Write a file of so many rows, and print its bytes and the most memory that this process took."""
    names = tuple(f"{row:06d}.jpg" for row in range(count))
    summary = build_features(_MadeUp(count), names, tuple("abcdefghijklmno"), {}, folder / "features.h5", jobs=1)
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(summary["bytes"], peak * 1024)


def writing_memory(folder: Path) -> str:
    """Return a line about memory and size, measured in processes of their own."""
    peaks = []
    for rows in (_ROWS // 10, _ROWS):
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            call = "import region_probe_speed as s; from pathlib import Path"
            call += f"; s.write_made_up(Path({temporary!r}), {rows})"
            environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
            done = subprocess.run([sys.executable, "-c", call], env=environment, stdout=subprocess.PIPE, check=True)
        size, peak = map(int, done.stdout.split())
        peaks.append(peak)
    features = sum(rows * channels for rows, channels in _SHAPES.values())
    return (
        f"Writing {_ROWS:,} rows of {features:,} features takes {peaks[-1] / _MEBIBYTE:.0f} MiB of memory at"
        f" most, a tenth of them {peaks[0] / _MEBIBYTE:.0f} MiB; the file has {size / 1e9:.2f} GB."
    )


def speed_section(masks: Path, folder: Path, repeats: int) -> str:
    """Return the Markdown of what reading and writing cost."""
    strides = ", ".join(map(str, STRIDES))
    about = f"One core, {BACKBONE} at strides {strides}, {repeats} turns of 96 images in alternation;"
    return "\n".join(
        [
            f"{about} median, least and most. Landmarks and masks are there.",
            "",
            *reading_speed(masks, repeats),
            "",
            writing_memory(folder),
        ]
    )
