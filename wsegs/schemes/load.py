"""Load schemes by name, from scheme files, from rule files and from the files that wsegs wrote."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from wsegs.errors import DataError, MissingError
from wsegs.io.files import did_you_mean
from wsegs.io.yaml_source import MAX_BYTES, Node, read_nodes
from wsegs.schemes.model import SchemeError, build_scheme
from wsegs.schemes.scheme import LandmarkScheme

_SHIPPED = Path(__file__).parent


def scheme_names() -> tuple[str, ...]:
    """Return the names of the shipped schemes."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.yaml")))


def get_scheme(name: str) -> LandmarkScheme:
    """Return the shipped scheme of that name.

    Raises
    ------
    DataError
        If there is none; the message lists the known names.
    """
    known = scheme_names()
    if name not in known:
        raise DataError(
            f"unknown landmark scheme '{name}': expected one of {', '.join(known)}{did_you_mean(name, known)}"
        )
    return _shipped(name)


@lru_cache
def _shipped(name: str) -> LandmarkScheme:
    path = _SHIPPED / f"{name}.yaml"
    return scheme_from_node(read_nodes(path.read_text(encoding="utf-8"), path.name), shipped=True)


def load_scheme(path: str | os.PathLike[str]) -> LandmarkScheme:
    """Read a scheme file.

    Raises
    ------
    MissingError
        If there is no such file.
    RuleError, DataError
        If it is no scheme; the message names line and column.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingError(f"{path}: {'expected a scheme file, got a folder' if path.is_dir() else 'no such file'}")
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode("utf-8")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not text in UTF-8 (byte {error.start})") from None
    if len(text) > MAX_BYTES:
        raise DataError(f"{path}: expected a scheme file of at most {MAX_BYTES:,} bytes, got more")
    return scheme_from_node(read_nodes(text, str(path), "a mapping with 'name', 'points', 'eyes', ..."))


def find_scheme(name_or_path: str | os.PathLike[str], folder: Path | None = None) -> LandmarkScheme:
    """Return a shipped scheme by name, or one from a file whose name ends in ``.yaml`` or ``.yml``.

    Parameters
    ----------
    name_or_path
        ``ibug68``, or ``my_scheme.yaml``.
    folder
        What a relative path is relative to; None: the working directory.

    Raises
    ------
    MissingError, RuleError, DataError
        If there is no such scheme, or the file is no scheme.
    """
    text = os.fspath(name_or_path)
    if text.lower().endswith((".yaml", ".yml")):
        return load_scheme((folder or Path()) / text)
    return get_scheme(text)


def scheme_from_node(node: Node, *, shipped: bool = False) -> LandmarkScheme:
    """Build a scheme from a place in a YAML file, such as a rule file's ``scheme:``.

    Raises
    ------
    RuleError
        With the place of the first mistake, what was expected there and what came.
    """
    try:
        scheme = build_scheme(node.plain())
        if not shipped:
            _check_shipped_name(scheme)
    except SchemeError as mistake:
        raise node.locate(mistake.path, at_key=mistake.at_key).error(mistake.message) from None
    return scheme


def scheme_from_mapping(mapping: Any, where: str) -> LandmarkScheme:
    """Build a scheme from plain data, such as JSON that :meth:`LandmarkScheme.as_mapping` gave.

    Parameters
    ----------
    mapping
        The data.
    where
        The file that holds them, for messages.

    Raises
    ------
    DataError
        If they are no scheme: the message names ``where`` and the key.
    """
    try:
        scheme = build_scheme(mapping)
        _check_shipped_name(scheme)
    except SchemeError as mistake:
        keys = "".join(f"{key}: " for key in mistake.path)
        raise DataError(f"{where}: {keys}{mistake.message}") from None
    return scheme


def _check_shipped_name(scheme: LandmarkScheme) -> None:
    """Refuse a scheme that has a shipped one's name and means other points."""
    if scheme.name in scheme_names() and not scheme.agrees_with(_shipped(scheme.name)):
        raise SchemeError(("name",), f"'{scheme.name}' is a shipped scheme of other points; choose another name")
