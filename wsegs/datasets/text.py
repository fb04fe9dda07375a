"""Read UTF-8 text files."""

from __future__ import annotations

from pathlib import Path

from wsegs.errors import DataError, MissingError

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_text(path: Path) -> str:
    r"""Return a UTF-8 text file with ``\n`` line ends, without a byte order mark.

    Raises
    ------
    MissingError
        If there is no such file.
    DataError
        If it is a directory, empty, unreadable or not UTF-8 text; the message names the line.
    """
    if path.is_dir():
        raise DataError(f"{path}: expected a file, got a directory")
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingError(f"{path}: no such file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    data = data.removeprefix(_BYTE_ORDER_MARK).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if not data.strip():
        raise DataError(f"{path}: expected a table, got an empty file")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: expected text in UTF-8, got the byte 0x{data[error.start]:02x}"
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{path}, line {line}: expected text in UTF-8, got binary data")
    return text
