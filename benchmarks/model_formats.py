"""Runs as ONNX files, in eight bits too: size, difference, speed and scores, in one table.

    python benchmarks/model_formats.py runs/region-probe runs/basic --data data/celeba --landmarks landmarks.h5

Speed is that of one core on images of chance, 8 at a time, torch and both files in alternation; scores are those of
``wsegs evaluate`` on test faces. The table goes between its markers in docs/model-files.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sections import write_section

from wsegs.evaluation.runs import load_run
from wsegs.io.processes.allocator import keep_freed_memory
from wsegs.model_export.export import export_model
from wsegs.model_export.module import ExportedNetwork
from wsegs.model_export.onnx_file import open_session

IMAGES = 8


def speeds(ways: dict[str, Callable[[], object]], repeats: int) -> dict[str, str]:
    """Return images a second of one core: the median of so many turns in alternation, least and most."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats + 1):
        for name, run in ways.items():
            began = time.process_time()
            run()
            if repeat:  # the first warms up
                found[name].append(IMAGES / (time.process_time() - began))
    return {name: f"{np.median(some):.0f} ({min(some):.0f} to {max(some):.0f})" for name, some in found.items()}


def scores(source: Path, options: Sequence[str], folder: Path) -> dict[str, Any]:
    """Return the mean scores of ``wsegs evaluate``."""
    line = ["wsegs", "evaluate", str(source), *options, "-o", str(folder), "--force", "--json"]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text())["mean"]
    return found


def table(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield a row for each run."""
    torch.set_num_threads(1)
    keep_freed_memory()
    options = ["--data", str(arguments.data), "--split", "test"]
    options += ["--landmarks", str(arguments.landmarks)] if arguments.landmarks else []
    options += ["--limit", str(arguments.limit)] if arguments.limit else []
    yield (
        "| network | difference | MB: float, int8 | images/s: torch | onnxruntime | int8 | AP: torch | ONNX | int8 |"
        " accuracy: torch | int8 |"
    )
    yield "|---" * 11 + "|"
    for path in arguments.runs:
        with tempfile.TemporaryDirectory() as temporary:
            whole, small = Path(temporary) / "whole.onnx", Path(temporary) / "small.onnx"
            written = export_model(path, whole)
            export_model(path, small, int8=arguments.int8)
            run = load_run(path)
            exported = ExportedNetwork(run).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            example = exported.example(IMAGES)
            given = {entry.name: values.numpy() for entry, values in zip(exported.inputs, example, strict=True)}
            sessions = {"onnxruntime": open_session(whole), "int8": open_session(small)}

            def by_torch(network: torch.nn.Module = exported, some: Any = example) -> None:
                with torch.inference_mode():
                    network(*some)

            ways: dict[str, Callable[[], object]] = {"torch": by_torch}
            for name, session in sessions.items():
                ways[name] = lambda session=session, given=given: session.run(None, given)
            rate = speeds(ways, arguments.repeats)
            sources = {"torch": path, "ONNX": whole, "int8": small}
            means = {name: scores(source, options, Path(temporary) / name) for name, source in sources.items()}
            precision = [f"{100 * means[name]['average_precision']:.2f}" for name in sources]
            accuracy = [f"{100 * means[name]['accuracy']:.2f}" for name in ("torch", "int8")]
            sizes = f"{whole.stat().st_size / 1e6:.1f}, {small.stat().st_size / 1e6:.1f}"
            cells = [f"{written['difference']:.0e}", sizes, *rate.values(), *precision, *accuracy]
            yield f"| `{run.plan.network.name}`, {run.size[0]}x{run.size[1]} | {' | '.join(cells)} |"
    yield ""
    yield (
        f"One core, {IMAGES} images at a time, {arguments.repeats} turns in alternation: median, least and most. int8:"
        f" convolutions, ranges of {arguments.int8} training images. Scores of test faces in percent; differences are"
        " those of the same faces."
    )


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--landmarks", type=Path)
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--int8", type=int, default=100, help="training images that show the ranges")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/model-files.md"))
    arguments = parser.parse_args()
    write_section(arguments.output, "formats", "\n".join(table(arguments)), script="benchmarks/model_formats.py")


if __name__ == "__main__":
    main()
