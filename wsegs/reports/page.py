"""Write one self-contained HTML page: pictures are embedded, there are no scripts, and nothing is fetched."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from wsegs.io.files import atomic_write

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1f; max-width: 1200px; margin: 2em auto; padding: 0 1em; }
h1, h2, h3 { line-height: 1.2; } h2 { border-top: 1px solid #ccc; padding-top: 1em; }
img { max-width: 100%; height: auto; } figure { margin: 1em 0; } figcaption { color: #55555e; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td, th { padding: 0.15em 0.8em; text-align: right; border-bottom: 1px solid #e4e4e8; }
td:first-child, th:first-child { text-align: left; }
pre { background: #f5f5f7; padding: 1em; overflow-x: auto; font-size: 13px; }
"""

_KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str

    def html(self) -> str:
        """Return it as HTML."""
        return f"<p>{escape(self.text)}</p>"


@dataclass(frozen=True)
class Heading:
    """A heading of level 2 or 3."""

    text: str
    level: int = 3

    def html(self) -> str:
        """Return it as HTML."""
        return f"<h{self.level}>{escape(self.text)}</h{self.level}>"


@dataclass(frozen=True)
class Picture:
    """A picture file that is embedded in the page, and its caption."""

    file: Path
    caption: str

    def html(self) -> str:
        """Return it as HTML with the file embedded."""
        data = base64.b64encode(self.file.read_bytes()).decode("ascii")
        source = f"data:{_KINDS[self.file.suffix]};base64,{data}"
        caption = escape(self.caption)
        return f'<figure><img src="{source}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'


@dataclass(frozen=True)
class Table:
    """A table: titles of the columns, and rows."""

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]

    def html(self) -> str:
        """Return it as HTML."""
        head = "".join(f"<th>{escape(title)}</th>" for title in self.titles)
        body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in self.rows)
        return f"<table><tr>{head}</tr>\n{body}</table>"


@dataclass(frozen=True)
class Verbatim:
    """Text of a file, verbatim."""

    text: str

    def html(self) -> str:
        """Return it as HTML."""
        return f"<pre>{escape(self.text)}</pre>"


Part = Text | Heading | Picture | Table | Verbatim


def write_page(title: str, parts: Sequence[Part], output: Path) -> None:
    """Write a page.

    Parameters
    ----------
    title
        Of the page.
    parts
        What is on it, from top to bottom.
    output
        The HTML file; overwritten.
    """
    body = "\n".join(part.html() for part in parts)
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )
    with atomic_write(output) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")
