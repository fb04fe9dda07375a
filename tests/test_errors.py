"""An error is one line, whatever a file holds."""

from __future__ import annotations

import pytest

from wsegs import errors
from wsegs.errors import WsegsError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, WsegsError)]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_one_printable_line(kind):
    """A name in a table of labels may hold a line end, or what a terminal takes for a command; found by fuzzing."""
    assert str(kind("got 'a\nb\x1b[2J\u2028é'")) == "got 'a?b?[2J?é'"
