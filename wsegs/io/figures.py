"""Pictures that are complete or absent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wsegs.io.files import atomic_write

# Okabe and Ito: blue and vermillion stay apart for every kind of colour vision; black and the others follow.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(figure: Figure, output: Path) -> None:
    """Write a chart, complete or not at all; the ending says in which format."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    with atomic_write(output) as temporary:
        figure.savefig(temporary)


def plain_text(text: str) -> str:
    r"""Return a text that matplotlib does not read as a formula.

    >>> plain_text("a$b")
    'a\\$b'
    """
    return text.replace("$", r"\$")
