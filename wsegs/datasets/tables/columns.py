"""Names of columns: each once, and CelebA's attributes as CelebA spells them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from wsegs.errors import DataError

CELEBA_ATTRIBUTES = (
    *("5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald"),
    *("Bangs", "Big_Lips", "Big_Nose", "Black_Hair", "Blond_Hair"),
    *("Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin"),
    *("Eyeglasses", "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones"),
    *("Male", "Mouth_Slightly_Open", "Mustache", "Narrow_Eyes", "No_Beard"),
    *("Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks"),
    *("Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Earrings"),
    *("Wearing_Hat", "Wearing_Lipstick", "Wearing_Necklace", "Wearing_Necktie", "Young"),
)
"""The 40 attributes of CelebA, in its order; LFWA has the same."""


def folded(name: str) -> str:
    """Return a name without what spellings differ in: case, blanks, hyphens, underscores, apostrophes.

    Examples
    --------
    >>> folded("5 o'Clock-Shadow")
    '5oclockshadow'
    """
    return re.sub(r"[\s_'\u2019-]+", "", name).lower()


_BY_FOLDED = {folded(name): name for name in CELEBA_ATTRIBUTES}


def usual_name(title: str) -> str:
    """Return CelebA's spelling of one of its attributes, any other title as it is.

    Examples
    --------
    >>> usual_name("wearing hat"), usual_name("5 o Clock Shadow"), usual_name("Hat colour")
    ('Wearing_Hat', '5_o_Clock_Shadow', 'Hat colour')
    """
    return _BY_FOLDED.get(folded(title), title)


def matching_names(names: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Return each name -> the one of ``known`` that it is: the same, or the only one spelled so otherwise.

    Names that are none of them are left out.

    Examples
    --------
    >>> matching_names(["Red Hat", "smiling", "Hat"], ["red_hat", "Smiling", "SMILING"])
    {'Red Hat': 'red_hat'}
    """
    known = list(dict.fromkeys(known))
    spellings: dict[str, list[str]] = {}
    for name in known:
        spellings.setdefault(folded(name), []).append(name)
    found = {}
    for name in names:
        alike = [name] if name in known else spellings.get(folded(name), [])
        if len(alike) == 1:
            found[name] = alike[0]
    return found


def respelled(names: Sequence[str], known: Iterable[str]) -> tuple[str, ...]:
    """Return names, those that are one of ``known`` in another spelling as that.

    Examples
    --------
    >>> respelled(["Red Hat", "Young"], ["red_hat", "Smiling"])
    ('red_hat', 'Young')
    """
    found = matching_names(names, known)
    spelled = [found.get(name, name) for name in names]
    counts = Counter(spelled)
    return tuple(new if counts[new] == 1 else name for name, new in zip(names, spelled, strict=True))


def require_unique_columns(path: Path, line: int, columns: Sequence[str]) -> None:
    """Raise DataError if a column's name is empty or stands twice."""
    for name, count in Counter(columns).items():
        if not name:
            raise DataError(f"{path}, line {line}: expected a name for every column, got an empty one")
        if count > 1:
            raise DataError(f"{path}, line {line}: expected every column once, got '{name}' {count} times")
