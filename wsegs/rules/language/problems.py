"""Collect the mistakes of a rule file, so that one pass finds all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from wsegs.errors import RuleError

MAX_MISTAKES = 100


class TooManyMistakesError(Exception):
    """Raised at :data:`MAX_MISTAKES`, to stop checking the file."""


class Problems:
    """The mistakes found so far."""

    def __init__(self) -> None:
        self.found: list[RuleError] = []

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Record a RuleError of the block and go on behind it.

        Raises
        ------
        TooManyMistakesError
            If there are :data:`MAX_MISTAKES` already.
        """
        if len(self.found) >= MAX_MISTAKES:
            raise TooManyMistakesError
        try:
            yield
        except RuleError as error:
            self.found.append(error)
