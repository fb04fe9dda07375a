"""Sections of a document that a benchmark writes, between two markers."""

from __future__ import annotations

from pathlib import Path


def write_section(path: Path, name: str, text: str, script: str) -> None:
    """Put text between the markers of a section, which are added at the end where they are not there."""
    begin, end = f"<!-- {name}: written by {script} -->", f"<!-- end of {name} -->"
    whole = path.read_text() if path.exists() else ""
    if begin not in whole:
        whole = f"{whole.rstrip()}\n\n{begin}\n{end}\n".lstrip()
    head, _, rest = whole.partition(begin)
    _, _, tail = rest.partition(end)
    path.write_text(f"{head}{begin}\n\n{text.strip()}\n\n{end}{tail}")
