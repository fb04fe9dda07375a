"""Read text files: UTF-8, or what their byte order mark says."""

from __future__ import annotations

import codecs
from pathlib import Path

from wsegs.errors import DataError, MissingError

# The mark of UTF-32 begins as that of UTF-16 does.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_text(path: Path) -> str:
    r"""Return a text file with ``\n`` line ends, without its byte order mark.

    Files are UTF-8, or UTF-16 and UTF-32 with a mark, as Excel's "Unicode text".

    Raises
    ------
    MissingError
        If there is no such file.
    DataError
        If it is a directory, empty, unreadable or not such text; the message names the line.
    """
    if path.is_dir():
        raise DataError(f"{path}: expected a file, got a directory")
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingError(f"{path}: no such file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    mark, encoding = next((pair for pair in _MARKS if data.startswith(pair[0])), (b"", "utf-8"))
    data = data.removeprefix(mark)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding)
        line = before.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
        raise DataError(
            f"{path}, line {line}: expected text in {encoding.upper()}, got the byte 0x{data[error.start]:02x};"
            " save the table as UTF-8"
        ) from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise DataError(f"{path}: expected a table, got an empty file")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{path}, line {line}: expected text in UTF-8, got binary data")
    return text
