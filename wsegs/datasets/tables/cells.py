"""What a field of a table of labels says: present or absent, a split, nothing known."""

from __future__ import annotations

import re

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
"""What float() reads, but for nan, infinity and 1_000."""

MISSING = frozenset(
    (
        *("", "<NA>", "NA", "N/A", "n/a", "NULL", "null", "NaN", "nan", "-NaN", "-nan", "None"),
        *("#N/A", "#NA", "#N/A N/A", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
    )
)
"""What pandas and spreadsheets write, and pandas reads, for nothing. In any case it may be somebody's name."""

_UNKNOWN_WORDS = {word.lower() for word in MISSING} | {"none", "unknown", "undefined", "?"}
_WORDS = {"true": 1, "yes": 1, "t": 1, "y": 1, "false": 0, "no": 0, "f": 0, "n": 0}
_DECIMAL_COMMA = re.compile(r"([+-]?[0-9]+),([0-9]+)")

_SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), 0),
    **dict.fromkeys(("validation", "valid", "val", "validate", "dev", "devel", "development"), 1),
    **dict.fromkeys(("test", "testing"), 2),
}


def is_unknown(text: str) -> bool:
    """Return whether a field says that nothing is known.

    Examples
    --------
    >>> is_unknown(" NaN"), is_unknown(""), is_unknown("-1")
    (True, True, False)
    """
    return text.strip().lower() in _UNKNOWN_WORDS


def is_nobody(text: str) -> bool:
    """Return whether the name or number of a person says that it is unknown.

    Examples
    --------
    >>> is_nobody("-1"), is_nobody("-1.0"), is_nobody("nan"), is_nobody("Nan")
    (True, True, True, False)
    """
    text = text.strip()
    return text in MISSING or re.fullmatch(r"-1(\.0*)?", text) is not None


def number_of(text: str) -> float | None:
    """Return the number that a field holds, None if it holds none; true and false are 1 and 0.

    Examples
    --------
    >>> number_of(" 1.0"), number_of("FALSE"), number_of("-1,0"), number_of("1_000")
    (1.0, 0.0, -1.0, None)
    """
    text = text.strip()
    if NUMBER.fullmatch(text):
        return float(text)
    if match := _DECIMAL_COMMA.fullmatch(text):
        return float(f"{match[1]}.{match[2]}")
    word = _WORDS.get(text.lower())
    return None if word is None else float(word)


def same_value(text: str, other: str) -> bool:
    """Return whether two fields hold the same number, or else the same text in any case.

    Examples
    --------
    >>> same_value("0", " 0.0"), same_value("n/a", "N/A"), same_value("0", "1")
    (True, True, False)
    """
    number = number_of(text)
    if number is not None:
        return number == number_of(other)
    return text.strip().lower() == other.strip().lower()


def split_of(text: str) -> int | None:
    """Return the split that a field names, 0 train, 1 validation, 2 test; None if it names none.

    Examples
    --------
    >>> split_of("Train"), split_of("dev"), split_of("2.0"), split_of("3")
    (0, 1, 2, None)
    """
    word = split_word(text)
    if word is not None:
        return word
    number = number_of(text) if NUMBER.fullmatch(text.strip()) else None
    return int(number) if number in (0, 1, 2) else None


def split_word(text: str) -> int | None:
    """Return the split that a word names, None if it names none."""
    return _SPLIT_WORDS.get(text.strip().lower())
