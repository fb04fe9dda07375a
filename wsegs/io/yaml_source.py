"""Parse YAML text to a tree of nodes with line and column.

The tree is built from parse events with an explicit stack, so that neither deep nesting nor aliases can exhaust
memory, time or Python's stack. The result is plain data: no tags, no objects.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from wsegs.errors import RuleError

MAX_BYTES = 250_000
MAX_DEPTH = 32
MAX_NODES = 10_000
MAX_SCALAR = 10_000

_INTEGER = re.compile(r"[-+]?[0-9]{1,15}")
_FLOAT = re.compile(r"[-+]?([0-9]{1,15}\.[0-9]{0,30}|\.[0-9]{1,30}|[0-9]{1,15})([eE][-+]?[0-9]{1,2})?")
_CONSTANTS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass
class Node:
    """A scalar, a list or a mapping of a YAML file, and where it begins (both counted from 1)."""

    source: str
    line: int
    column: int
    value: Any  # a scalar, list[Node] or dict[str, Node]
    keys: dict[str, Node] = field(default_factory=dict)  # of a mapping: the keys' own positions
    count: int = 1  # nodes below and including this one, with aliases expanded
    text: str | None = None  # of a scalar: as the file writes it, without quotes
    exact: bool = True  # whether the text is on one line without escapes, so that columns within it are known

    def plain(self) -> Any:
        """Return the data without positions."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def child(self, key: str | int) -> Node:
        """Return the node at a key or position, or this node where there is none."""
        if isinstance(self.value, dict) and isinstance(key, str):
            value: Node = self.value.get(key, self)
            return value
        if isinstance(self.value, list) and isinstance(key, int) and key < len(self.value):
            child: Node = self.value[key]
            return child
        return self

    def find(self, path: Iterable[str | int]) -> Node:
        """Return the node at a path; steps that the file does not have are skipped."""
        node = self
        for step in path:
            node = node.child(step)
        return node

    def locate(self, path: Sequence[str | int], *, at_key: bool = False) -> Node:
        """Return the node at a path, or where its last step, a key, is written."""
        if not at_key:
            return self.find(path)
        return self.find(path[:-1]).keys.get(str(path[-1]), self.find(path))

    def error(self, message: str, *, offset: int = 0) -> RuleError:
        """Return an error that names this place; ``offset`` counts characters into a scalar."""
        return _error(self.source, self.line, self.column + (offset if self.exact else 0), message)


def _width(event: Any) -> int:
    """Return the width of a scalar in its line, without quotes."""
    return int(event.end_mark.column - event.start_mark.column - (2 if event.style in ("'", '"') else 0))


def _error(source: str, line: int, column: int, message: str) -> RuleError:
    message = "".join(character if character.isprintable() else "?" for character in message)
    error = RuleError(f"{source}:{line}:{column}: {message}")
    error.place, error.problem = (source, line, column), message
    return error


def read_yaml_text(path: Path, what: str) -> str:
    """Read the text of a YAML file.

    Parameters
    ----------
    path
        The file.
    what
        What it should be, for messages: ``a rule file``.

    Raises
    ------
    RuleError
        If it is too large or not UTF-8.
    """
    if path.stat().st_size > MAX_BYTES:
        raise RuleError(f"{path}: expected {what} of at most {MAX_BYTES:,} bytes, got {path.stat().st_size:,}")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RuleError(
            f"{path}: expected UTF-8 text, got byte {error.object[error.start]:#04x} at {error.start}"
        ) from None


def read_nodes(text: str, source: str, expected: str = "a mapping with 'version', 'scheme' and 'regions'") -> Node:
    """Parse YAML text.

    Parameters
    ----------
    text
        The file's contents.
    source
        The file's name, for messages.
    expected
        What an empty file should have held, for the message.

    Raises
    ------
    RuleError
        If it is not one YAML document of plain data within the limits of this module.
    """
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise RuleError(f"{source}: expected a rule file of at most {MAX_BYTES:,} bytes, got {len(text):,}")
    # Checked first, since the scanner's look-ahead through open brackets costs the square of their number.
    if text.count("[") + text.count("{") > MAX_NODES:
        raise _error(source, 1, 1, f"expected at most {MAX_NODES:,} lists and mappings, got more")
    builder = _Builder(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ruamel warns about what the checks below refuse
            for event in YAML(typ="safe", pure=True).parse(text):
                builder.take(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = " ".join(str(error.problem or error.context).split())
        raise _error(source, line, column, f"not YAML: {problem}") from None
    except (YAMLError, ValueError, KeyError, IndexError, AttributeError, AssertionError, TypeError) as error:
        # ruamel reports some malformed input (control characters, wrong directives) by builtin errors.
        if isinstance(error, RuleError):
            raise
        detail = (str(error).splitlines() or [type(error).__name__])[0]
        raise _error(source, 1, 1, f"not YAML: {detail}") from None
    if builder.root is None:
        raise _error(source, 1, 1, f"expected {expected}, got an empty file")
    return builder.root


class _Builder:
    """Builds the tree from parse events, with a stack of open lists and mappings."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.root: Node | None = None
        self._open: list[tuple[Node, str | None]] = []  # with the anchor
        self._pending_key: list[Node | None] = []
        self._anchors: dict[str, Node] = {}
        self._documents = 0
        self._nodes = 0

    def take(self, event: Any) -> None:
        if isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._node(event, None).error("expected one YAML document, got a second")
        elif isinstance(event, AliasEvent):
            self._alias(event)
        elif isinstance(event, ScalarEvent):
            self._check_tag(event)
            node = self._node(event, _scalar(event))
            node.text = event.value
            node.exact = event.start_mark.line == event.end_mark.line and len(event.value) == _width(event)
            if len(event.value) > MAX_SCALAR:
                raise node.error(f"expected at most {MAX_SCALAR} characters, got {len(event.value)}")
            if event.style:
                node.column += 1  # the text begins behind the quotation mark
            self._anchor(event, node)
            self._place(node)
        elif isinstance(event, (SequenceStartEvent, MappingStartEvent)):
            self._check_tag(event)
            node = self._node(event, [] if isinstance(event, SequenceStartEvent) else {})
            if len(self._open) >= MAX_DEPTH:
                raise node.error(f"nested deeper than {MAX_DEPTH} levels")
            self._open.append((node, event.anchor))
            self._pending_key.append(None)
        elif isinstance(event, (SequenceEndEvent, MappingEndEvent)):
            node, anchor = self._open.pop()
            self._pending_key.pop()
            if anchor:
                self._anchors[anchor] = node
            self._place(node)

    def _node(self, event: Any, value: Any) -> Node:
        mark = event.start_mark
        return Node(self.source, mark.line + 1, mark.column + 1, value)

    def _check_tag(self, event: Any) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None and str(tag) not in ("None", "!"):
            raise self._node(event, None).error(f"expected plain data, got the tag {str(tag)[:60]}")

    def _anchor(self, event: Any, node: Node) -> None:
        if event.anchor:
            self._anchors[event.anchor] = node

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            raise self._node(event, None).error(f"alias '*{event.anchor}' names no anchor above it")
        self._place(self._anchors[event.anchor], alias=True)

    def _place(self, node: Node, *, alias: bool = False) -> None:
        # An alias counts as much as its target, so nested aliases reach the limit, too.
        self._nodes += node.count if alias else 1
        if self._nodes > MAX_NODES:
            raise node.error(f"expected at most {MAX_NODES:,} values in a rule file, got more")
        if not self._open:
            self.root = node
            return
        parent, _ = self._open[-1]
        parent.count += node.count
        if isinstance(parent.value, list):
            parent.value.append(node)
            return
        key = self._pending_key[-1]
        if key is None:
            self._pending_key[-1] = _checked_key(node, parent)
            return
        name = str(key.value)
        if node.value is None and not node.text:
            node.line, node.column = key.line, key.column  # an empty value has the place of its key
        parent.value[name] = node
        parent.keys[name] = key
        self._pending_key[-1] = None


def _checked_key(node: Node, parent: Node) -> Node:
    if isinstance(node.value, (list, dict)) or node.value is None:
        raise node.error("expected a name as the key of a mapping")
    name = str(node.value)
    if name in parent.value:
        raise node.error(f"'{name}' is there twice; it came first in line {parent.keys[name].line}")
    # An alias used as a key shares its node; the text of the key is set on a copy.
    return Node(node.source, node.line, node.column, name)


def _scalar(event: Any) -> Any:
    """Resolve a scalar as YAML 1.2's core schema does: only unquoted text can be other than a string."""
    text: str = event.value
    if event.style:
        return text
    if text.lower() in _CONSTANTS and text in (text.lower(), text.capitalize(), text.upper()):
        return _CONSTANTS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
