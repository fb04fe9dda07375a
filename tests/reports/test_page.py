from __future__ import annotations

import base64
from html.parser import HTMLParser

import cv2
import numpy as np

from wsegs.reports.page import Heading, Picture, Table, Text, Verbatim, write_page


class _Page(HTMLParser):
    """What a reader would see, and what a browser would fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.text += data


def test_a_page_holds_all_that_it_shows(tmp_path) -> None:
    cv2.imwrite(str(tmp_path / "dot.png"), np.zeros((2, 3, 3), np.uint8))
    parts = [Heading("Scores"), Text("a < b & c"), Picture(tmp_path / "dot.png", 'a "dot"')]
    parts += [Table(["attribute", "error"], [["<script>", "1 %"]]), Verbatim("name: basic\n  width: 1")]
    write_page("runs/<basic>", parts, tmp_path / "page.html")
    page = _Page((tmp_path / "page.html").read_text())
    assert not page.open  # every tag is closed
    assert "script" not in page.tags
    for text in ("runs/<basic>", "Scores", "a < b & c", "<script>", "1 %", "name: basic\n  width: 1"):
        assert text in page.text
    (source,) = page.sources
    kind, _, data = source.partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data) == (tmp_path / "dot.png").read_bytes()


def test_headings_have_their_level() -> None:
    assert Heading("one", 2).html() == "<h2>one</h2>"
    assert Heading("two").html() == "<h3>two</h3>"
