"""Mistakes of a rule file, kept so that one pass finds those of the whole of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from wsegs.errors import RuleError

MAX_MISTAKES = 100


class TooManyMistakesError(Exception):
    """A file has so many mistakes that the rest of it is not looked at."""


class Problems:
    """Mistakes found so far, so that one pass finds those of the whole file."""

    def __init__(self) -> None:
        self.found: list[RuleError] = []

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Keep a mistake and go on behind the block.

        Raises
        ------
        TooManyMistakesError
            When more would help nobody.
        """
        if len(self.found) >= MAX_MISTAKES:
            raise TooManyMistakesError
        try:
            yield
        except RuleError as error:
            self.found.append(error)
