"""Where a benchmark's table goes: to the terminal, and with ``--readme`` into a page between two comments of its name.

<!-- table: masks_speed -->
...
<!-- end of table -->
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path


def add_readme_option(parser: argparse.ArgumentParser) -> None:
    """Let a script write its table into a page."""
    parser.add_argument("--readme", type=Path, metavar="PAGE", help="write the table into this Markdown page too")


def show_table(name: str, table: str, page: Path | None = None) -> None:
    """Print a Markdown table, and put it into ``page`` where its comments are.

    Raises
    ------
    SystemExit
        If the page has no place for it.
    """
    print(table.strip())
    if page is None:
        return
    text = page.read_text(encoding="utf-8")
    place = re.compile(rf"(<!-- table: {re.escape(name)} -->\n).*?(<!-- end of table -->)", re.DOTALL)
    if not place.search(text):
        raise SystemExit(f"{page}: expected the comments of the table '{name}', found none")
    page.write_text(place.sub(lambda found: f"{found[1]}{table.strip()}\n{found[2]}", text, count=1), encoding="utf-8")
