"""Run the README's ``console`` and ``python`` blocks, in order, in a folder of their own.

A ``console`` block is commands behind ``$ ``; each must exit 0. A ``python`` block is a program. Blocks in other
languages are not run, nor are those of the sections that .ci/run runs itself (``bash`` blocks).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path


def main(readme: Path) -> int:
    """Run every block; return the number of those that failed."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        # As a user would type them beside the demo's output, but what they write goes with the folder.
        for name in ("examples", "wsegs-demo"):
            (Path(folder) / name).symlink_to((readme.parent / name).resolve(strict=True))
        for language, block in re.findall(r"^```(console|python)\n(.*?)^```", readme.read_text(), re.M | re.S):
            programs = (
                [["bash", "-euo", "pipefail", "-c", line] for line in commands(block)]
                if language == "console"
                else [[sys.executable, "-c", block]]
            )
            for program in programs:
                print(f"$ {program[-1] if language == 'console' else '(python block)'}", flush=True)
                if subprocess.run(program, cwd=folder).returncode:
                    print(f"FAILED: {program[-1]}", flush=True)
                    failed += 1
    return failed


def commands(block: str) -> list[str]:
    """Return the commands of a console block: lines after ``$ ``, joined where they end in a backslash."""
    joined = block.replace("\\\n", " ")
    return [line[2:] for line in joined.splitlines() if line.startswith("$ ")]


if __name__ == "__main__":
    sys.exit(1 if main(Path(sys.argv[1])) else 0)
