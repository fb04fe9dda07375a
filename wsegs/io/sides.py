"""Names of two sides: which of them a mirrored picture exchanges."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Pairs = tuple[tuple[str, str], ...]

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")  # left_eye, leftEye, LEFT EYE, L_eye
_NO_SIDE = {"ear_r", "neck_l"}  # earring and necklace of CelebAMask-HQ, whose ears are l_ear and r_ear
_OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}


@dataclass(frozen=True)
class Sides:
    """Names that mean one side of the picture.

    Attributes
    ----------
    pairs
        Positions of the names that a mirrored picture exchanges.
    lone
        Names of one side that have no partner.
    """

    pairs: tuple[tuple[int, int], ...] = ()
    lone: tuple[str, ...] = ()


def find_sides(names: Sequence[str], declared: Pairs = (), hints: Iterable[tuple[str, str]] = ()) -> Sides:
    """Find the names that mean one side, by the words left and right, or l and r, in them.

    Parameters
    ----------
    names
        Of attributes, regions or classes; each is there once.
    declared
        Pairs that somebody wrote down. A name with itself stays as it is.
    hints
        Pairs by other knowledge, for names that say nothing by themselves.

    Examples
    --------
    >>> find_sides(("skin", "l_eye", "r_eye", "u_lip", "l_lip", "looking_left"))
    Sides(pairs=((1, 2),), lone=('looking_left',))
    >>> find_sides(("dexter", "sinister", "left_handed"), (("dexter", "sinister"), ("left_handed", "left_handed")))
    Sides(pairs=((0, 1),), lone=())
    """
    places = {name: place for place, name in enumerate(names)}
    partner: dict[str, str] = {}
    for one, other in declared:
        if one in places and other in places:
            partner[one], partner[other] = other, one
    for name in names:
        other = _mirrored(name, places)
        if other != name and name not in partner and other not in partner and other in places:
            partner[name], partner[other] = other, name
    for one, other in hints:
        if one in places and other in places and one not in partner and other not in partner:
            partner[one], partner[other] = other, one
    found = {tuple(sorted((places[one], places[other]))) for one, other in partner.items() if one != other}
    lone = tuple(name for name in names if name not in partner and _is_of_one_side(name, places))
    return Sides(tuple(sorted((a, b) for a, b in found)), lone)


def exchanged(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Return where each of ``count`` things comes from in a mirrored picture.

    >>> exchanged(4, [(1, 2)])
    [0, 2, 1, 3]
    """
    order = list(range(count))
    for one, other in pairs:
        order[one], order[other] = other, one
    return order


def _mirrored(name: str, known: Iterable[str]) -> str:
    """Return the name with its sides exchanged; itself where it has none."""
    by_words = _WORDS.sub(lambda word: _of_other_side(word[0]), name)
    if by_words != name:
        return by_words
    for one, other in (("left", "right"), ("right", "left"), ("Left", "Right"), ("Right", "Left")):
        if name.replace(one, other, 1) in known and one in name:  # lefteye
            return name.replace(one, other, 1)
    return name


def _of_other_side(word: str) -> str:
    other = _OTHER.get(word.lower())
    if other is None:
        return word
    return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other


def _is_of_one_side(name: str, known: Iterable[str]) -> bool:
    words = [word.lower() for word in _WORDS.findall(name)]
    sides = {word for word in words if word in ("left", "right")}
    if sides:
        return len(sides) == 1  # "left_and_right" is of both
    if name in _NO_SIDE or not words or not {words[0], words[-1]} & {"l", "r"} or len(words) == 1:
        return False
    # l_lip beside u_lip is the lower one.
    upper = _WORDS.sub(lambda word: {"l": "u", "L": "U"}.get(word[0], word[0]), name)
    return upper == name or upper not in known
