"""Run the blocks of Markdown pages: each page's in order in a folder of its own, a page on each core.

A ``console`` block is commands behind ``$ ``; each must exit 0. A ``python`` block is a program. A block of any
language with a file name behind it (``yaml mine.yaml``) is written to that file. Other blocks are not run, nor are
those of the sections that .ci/run runs itself (``bash`` blocks). What a page printed is printed when it is done.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def main(pages: Sequence[Path]) -> int:
    """Run every page, the first ones first; return the number of blocks and commands that failed."""
    # With a page on each core, more threads would wait for each other.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in as_completed([pool.submit(run, page, environment) for page in pages]):
            output, failures = done.result()
            failed += failures
            print(output, flush=True)
    return failed


def run(page: Path, environment: dict[str, str]) -> tuple[str, int]:
    """Run the blocks of a page; return what they printed, and the number of those that failed."""
    printed, failed, began = [], 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        # As a user would type them beside the demo's output, but what they write goes with the folder.
        for name in ("examples", "wsegs-demo", "rules"):
            (Path(folder) / name).symlink_to((CHECKOUT / name).resolve(strict=True))
        for language, name, block in re.findall(r"^```(\w+)(?: ([\w.-]+))?\n(.*?)^```", page.read_text(), re.M | re.S):
            if name:
                (Path(folder) / name).write_text(block)
                continue
            for program in programs(language, block):
                printed.append(f"$ {program[-1] if language == 'console' else '(python block)'}\n")
                done = subprocess.run(
                    program, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
                )
                printed.append(done.stdout.decode(errors="replace"))
                if done.returncode:
                    printed.append(f"FAILED: {program[-1]}\n")
                    failed += 1
    return f"-- {page}, {time.monotonic() - began:.0f} s\n{''.join(printed)}", failed


def programs(language: str, block: str) -> list[list[str]]:
    """Return the programs of a block: a console block's lines after ``$ ``, joined where they end in a backslash."""
    if language == "python":
        return [[sys.executable, "-c", block]]
    if language != "console":
        return []
    lines = block.replace("\\\n", " ").splitlines()
    return [["bash", "-euo", "pipefail", "-c", line[2:]] for line in lines if line.startswith("$ ")]


if __name__ == "__main__":
    sys.exit(1 if main([Path(page) for page in sys.argv[1:]]) else 0)
