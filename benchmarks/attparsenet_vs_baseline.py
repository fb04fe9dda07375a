"""AttParseNet against its baseline: the same recipe, with masks and without, over several seeds.

    python benchmarks/attparsenet_vs_baseline.py masks.h5 --test data/celeba --test data/lfwa -o runs/comparison

Trains ``wsegs train RECIPE`` with and without ``--no-segmentation`` in turn, evaluates each run on the test split of
every data set named (with ``--test-all`` on all of its images, as the paper tests on LFWA), and writes the table (mean
and spread over the seeds) as Markdown. Runs that are there are kept, so an interrupted comparison goes on.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
from pathlib import Path
from typing import Any

METRICS = ("accuracy", "average_precision", "balanced_accuracy")


def wsegs(*arguments: object) -> dict[str, Any]:
    """Run a command of wsegs and return its summary."""
    done = subprocess.run(["wsegs", *map(str, arguments), "--json"], stdout=subprocess.PIPE, text=True, check=True)
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def main() -> None:
    """Train, evaluate, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("masks", type=Path)
    parser.add_argument("--test", type=Path, action="append", default=[], help="a data set; its test split is used")
    parser.add_argument("--test-all", type=Path, action="append", default=[], help="a data set; all of it is used")
    parser.add_argument("--recipe", default="attparsenet-small")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/comparison"))
    arguments = parser.parse_args()

    scores: dict[tuple[str, str], list[dict[str, float]]] = {}
    for seed in range(arguments.seeds):
        for variant, flags in (("with masks", []), ("without masks", ["--no-segmentation"])):
            run = arguments.output / f"{variant.replace(' ', '-')}-{seed}"
            if not (run / "finished.json").exists():
                resume = ["--resume"] if (run / "last.ckpt").exists() else ["--force"]
                summary = wsegs("train", arguments.recipe, arguments.masks, "--seed", seed, *flags, "-o", run, *resume)
                (run / "finished.json").write_text(json.dumps(summary, indent=2))
            tests = [(data, "test") for data in arguments.test] + [(data, "all") for data in arguments.test_all]
            for data, split in tests:
                result = wsegs("evaluate", run, "--data", data, "--split", split, "--force")
                name = data.name if split == "test" else f"{data.name}, all of it"
                scores.setdefault((name, variant), []).append(result["mean"])
        (arguments.output / "table.md").write_text(table(scores))
    print(table(scores))


def table(scores: dict[tuple[str, str], list[dict[str, float]]]) -> str:
    """Return Markdown: a row for each data set and variant, mean and standard deviation over the seeds."""
    lines = ["| test on | network | seeds | accuracy | average precision | balanced accuracy | majority rate |"]
    lines.append("|---|---|---|---|---|---|---|")
    for (data, variant), runs in scores.items():
        cells = [f"{100 * run_mean(runs, metric):.1f} ± {100 * run_spread(runs, metric):.1f}" for metric in METRICS]
        majority = f"{100 * run_mean(runs, 'majority_rate'):.1f}"
        lines.append(f"| {data} | {variant} | {len(runs)} | {' | '.join(cells)} | {majority} |")
    return "\n".join(lines) + "\n"


def run_mean(runs: list[dict[str, float]], metric: str) -> float:
    """Return the mean of a metric over runs."""
    return statistics.fmean(run[metric] for run in runs)


def run_spread(runs: list[dict[str, float]], metric: str) -> float:
    """Return the standard deviation of a metric over runs; 0 of one run."""
    return statistics.stdev(run[metric] for run in runs) if len(runs) > 1 else 0.0


if __name__ == "__main__":
    main()
