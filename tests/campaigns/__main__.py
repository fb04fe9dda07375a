"""Long campaigns against what docs/promises.md promises.

    python -m tests.campaigns fuzz [KIND ...] [--cases 1000] [--seconds 60] [--coverage]
    python -m tests.campaigns kill [landmarks masks shards features train] [--times 50] [--images 5000] [-- OPTION ...]
    python -m tests.campaigns interrupt [landmarks masks features train] [--times 50] [--images 30000] [-- OPTION ...]
    python -m tests.campaigns memory [landmarks masks features train] [--images 20000] [-- OPTION ...]

What follows ``--`` are options of the command under test. Exit code 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from tests.campaigns import fuzz, interrupt, kill, memory
from tests.campaigns.commands import COMMANDS
from tests.campaigns.file_kinds import KINDS

CAMPAIGNS: dict[str, Callable[[argparse.Namespace], bool]] = {
    "fuzz": fuzz.run,
    "kill": kill.run,
    "interrupt": interrupt.run,
    "memory": memory.run,
}


def main() -> None:
    """Run a campaign and print its table."""
    ours, theirs = sys.argv[1:], []
    if "--" in ours:
        ours, theirs = ours[: ours.index("--")], ours[ours.index("--") + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", choices=CAMPAIGNS)
    parser.add_argument("names", nargs="*", help="kinds of file, or commands; default: all")
    parser.add_argument("--times", type=int, default=50, help="kills or interrupts of each command")
    parser.add_argument(
        "--images", type=int, default=5000, help="images that masks works on; 500 at most for landmarks"
    )
    parser.add_argument("--jobs", "-j", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="seed of damage and of moments")
    parser.add_argument("--cases", type=int, default=1000, help="damaged files of each kind")
    parser.add_argument("--first", type=int, default=0, help="number of the first damaged file")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop each kind of file after so long")
    parser.add_argument(
        "--coverage", action="store_true", help="damage where it reaches new branches (pip install atheris)"
    )
    parser.add_argument("--keep", type=Path, help="existing folder in which to keep damaged files")
    arguments = parser.parse_args(ours)
    arguments.options = theirs
    known = KINDS if arguments.campaign == "fuzz" else COMMANDS
    unknown = [name for name in arguments.names if name not in known]
    if unknown:
        parser.error(f"{unknown[0]}: expected some of {', '.join(known)}")
    arguments.names = arguments.names or list(known)
    sys.exit(0 if CAMPAIGNS[arguments.campaign](arguments) else 1)


if __name__ == "__main__":
    main()
