"""Tokenise an expression, with columns; arithmetic and region expressions share this."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from wsegs.io.yaml_source import Node

MAX_DEPTH = 48
MAX_TOKENS = 500  # a long sum is a tree as deep as its number of tokens

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][-+]?\d+)?)"
    r"|(?P<name>[^\W\d]\w*)|(?P<operator><=|>=|==|!=|[-+*/<>(),|&]))"
)


@dataclass(frozen=True)
class Token:
    """One word of an expression and its offset in the text."""

    kind: Literal["number", "name", "operator", "end"]
    text: str
    offset: int


def tokenize(text: str, node: Node) -> list[Token]:
    """Split an expression into tokens, the last of kind ``end``.

    Raises
    ------
    RuleError
        At a character that no expression contains.
    """
    tokens: list[Token] = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            offset = position + len(text[position:]) - len(text[position:].lstrip())
            raise node.error(f"unexpected '{text[offset]}' in the expression '{shorten(text)}'", offset=offset)
        tokens.append(Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))  # type: ignore[arg-type]
        position = match.end()
        if len(tokens) > MAX_TOKENS:
            raise node.error(f"expected an expression of at most {MAX_TOKENS} words")
    return [*tokens, Token("end", "the end", len(text))]


def shorten(text: str) -> str:
    """Return text for a message, cut to one line of 60 characters.

    >>> shorten("a   +  b")
    'a + b'
    """
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


class TokenReader:
    """The tokens of one expression, with errors that point into it."""

    def __init__(self, text: str, node: Node) -> None:
        self.text = text
        self.node = node
        self._tokens = tokenize(text, node)
        self._next = 0
        self._depth = 0

    @property
    def current(self) -> Token:
        """The token not yet read."""
        return self._tokens[self._next]

    def read(self) -> Token:
        """Return the current token and step over it."""
        token = self.current
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def accept(self, text: str) -> bool:
        """Step over the current token if it is ``text``."""
        if self.current.kind != "end" and self.current.text == text:
            self.read()
            return True
        return False

    def expect(self, text: str) -> None:
        """Step over ``text`` or raise."""
        if not self.accept(text):
            raise self.error(f"expected '{text}', got {self.describe(self.current)}")

    def descend(self) -> None:
        """Count one level of nesting."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.error(f"nested deeper than {MAX_DEPTH} levels")

    def ascend(self) -> None:
        """Leave one level of nesting."""
        self._depth -= 1

    def describe(self, token: Token) -> str:
        """Name a token in a message."""
        return "the end" if token.kind == "end" else f"'{shorten(token.text)}'"

    def error(self, message: str, token: Token | None = None) -> Exception:
        """Return an error that points at a token."""
        token = token or self.current
        return self.node.error(f"{message} in '{shorten(self.text)}'", offset=token.offset)
