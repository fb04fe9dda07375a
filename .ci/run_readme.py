"""Run the blocks of a Markdown page, in order, in a folder of their own.

A ``console`` block is commands behind ``$ ``; each must exit 0. A ``python`` block is a program. A block of any
language with a file name behind it (``yaml mine.yaml``) is written to that file. Other blocks are not run, nor are
those of the sections that .ci/run runs itself (``bash`` blocks).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def main(page: Path) -> int:
    """Run every block; return the number of those that failed."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        # As a user would type them beside the demo's output, but what they write goes with the folder.
        for name in ("examples", "wsegs-demo", "rules"):
            (Path(folder) / name).symlink_to((CHECKOUT / name).resolve(strict=True))
        for language, name, block in re.findall(r"^```(\w+)(?: ([\w.-]+))?\n(.*?)^```", page.read_text(), re.M | re.S):
            if name:
                (Path(folder) / name).write_text(block)
                continue
            for program in programs(language, block):
                print(f"$ {program[-1] if language == 'console' else '(python block)'}", flush=True)
                if subprocess.run(program, cwd=folder).returncode:
                    print(f"FAILED: {program[-1]}", flush=True)
                    failed += 1
    return failed


def programs(language: str, block: str) -> list[list[str]]:
    """Return the programs of a block: a console block's lines after ``$ ``, joined where they end in a backslash."""
    if language == "python":
        return [[sys.executable, "-c", block]]
    if language != "console":
        return []
    lines = block.replace("\\\n", " ").splitlines()
    return [["bash", "-euo", "pipefail", "-c", line[2:]] for line in lines if line.startswith("$ ")]


if __name__ == "__main__":
    sys.exit(1 if main(Path(sys.argv[1])) else 0)
