"""Write a commented starting file for the attributes of a data set: ``wsegs rules new``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from wsegs.schemes import LandmarkScheme

_WORDS_OF_YAML = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


@dataclass(frozen=True)
class StartingRegion:
    """A region that a new rule file begins with.

    Attributes
    ----------
    name, comment
        As the file writes them.
    body
        Its YAML, one line each.
    words
        A pattern of words in the names of attributes that are seen there.
    """

    name: str
    comment: str
    body: tuple[str, ...]
    words: str


# Patterns that match the beginnings of words in attributes' names.
_EYES = r"eyes?$|eyeglass|eyelid|eyelash|lash|glass|gaze|blink|wink|iris|pupil"
_BROWS = r"(eye)?brows?$"
_NOSE = r"nose|nasal|nostril"
_MOUTH = r"mouth|lip|smil|teeth|tooth|laugh|grin|happy|tongue|mo?ustache"
_CHEEKS = r"cheek|blush|rosy|dimple|freckle"
_CHIN = r"chin|beard|goatee|jaw|stubble|shav"
_FOREHEAD = r"forehead|wrinkle|frown|bang|fringe"
_HAIR = r"hair|bald|hats?$|caps?$|head|helmet|turban|hood|blond|curl"
_EARS = r"ears?$|earring|sideburn"
_NECK = r"neck|ties?$|collar|scarf|throat"

_IBUG68 = (
    StartingRegion(
        "eyes",
        "the image's left eye, and by mirror: true the right one",
        ("polygon: 36..41", "mirror: true", "grow: 0.02"),
        _EYES,
    ),
    StartingRegion(
        "eyebrows",
        "a thick line along the five points of each",
        ("line: {points: 17..21, thickness: 0.1}", "mirror: true"),
        _BROWS,
    ),
    StartingRegion(
        "nose",
        "bridge and wings",
        ("polygon: [27, {points: 31, offset: [-0.06, 0]}, 33, {points: 35, offset: [0.06, 0]}]",),
        _NOSE,
    ),
    StartingRegion("mouth", "lips and what is between them", ("polygon: 48..59",), _MOUTH),
    StartingRegion(
        "cheeks",
        "from the jaw to the nose, below the eye",
        ("polygon: [1..4, 48, 31, 39..41]", "mirror: true"),
        _CHEEKS,
    ),
    StartingRegion("chin", "below the mouth, inside the jaw", ("polygon: [5..11, 54..59, 48]",), _CHIN),
    StartingRegion("forehead", "from the eyebrows up", ("polygon: [17..26, [0.5, -0.7], [-0.5, -0.7]]",), _FOREHEAD),
    StartingRegion(
        "hair",
        "around the head; landmarks do not know where hair ends",
        ("curve: [[-1, 0.3], [-1, -0.8], [0, -1.5], [1, -0.8], [1, 0.3], [0.6, -0.5], [0, -0.75], [-0.6, -0.5]]",),
        _HAIR,
    ),
    StartingRegion(
        "ears",
        "outside the upper jaw line",
        ("polygon: [0..2, {points: 2..0, offset: [-0.15, 0]}]", "mirror: true"),
        _EARS,
    ),
    StartingRegion("neck", "from the jaw down", ("polygon: [4..12, {points: [12, 4], offset: [0, 0.6]}]",), _NECK),
)


def starter_text(scheme: LandmarkScheme, attribute_names: Sequence[str], scheme_text: str | None = None) -> str:
    """Return the text of a rule file to begin with.

    Parameters
    ----------
    scheme
        The landmark scheme of the file.
    attribute_names
        The attributes of a data set; each gets the region that its name suggests, or the whole face.
    scheme_text
        What the file writes behind ``scheme:``; the scheme's name if None.
    """
    regions = _IBUG68 if scheme.name == "ibug68" else _of_five_points(scheme)
    guesses = {name: [region.name for region in regions if _suggests(name, region)] for name in attribute_names}
    used = {region for guess in guesses.values() for region in guess} or {regions[0].name}
    return "\n".join(
        [
            *_head(scheme, scheme_text or scheme.name),
            *(line for region in regions for line in _region(region, commented=region.name not in used)),
            *_attributes(guesses, regions[0].name),
            "",
        ]
    )


def _suggests(attribute: str, region: StartingRegion) -> bool:
    """Tell whether a word of the attribute's name, Like_This or likeThis, belongs to the region."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", attribute)
    return any(re.match(region.words, word.lower()) for word in words)


def _head(scheme: LandmarkScheme, scheme_text: str) -> list[str]:
    return [
        "# Where attributes live on a face: landmarks -> regions -> attributes.",
        "#   wsegs rules check FILE      every mistake, with line and column",
        "#   wsegs rules preview FILE    a picture of every region and attribute",
        "#   wsegs rules schema --help   how an editor completes and checks it while you type",
        "version: 1",
        f"scheme: {scheme_text}{' ' * max(1, 22 - len(scheme_text))}# {scheme.count} landmarks, counted from 0",
        "space: face                   # unit: the distance between the eyes; x along them, y across them, downwards",
        "",
        "# Regions: each a shape or several, from landmarks by number, ranges such as 36..41, or points [x, y]. Take",
        "# away the ones that you do not need, and remove the # before those that you do.",
        "regions:",
    ]


def _region(region: StartingRegion, *, commented: bool) -> list[str]:
    before = "  # " if commented else "  "
    lines = [f"{region.name}:", *(f"  {line}" for line in region.body)]
    return [f"  # {region.comment}", *(before + line for line in lines)]


def _attributes(guesses: dict[str, list[str]], first: str) -> list[str]:
    lines = [
        "",
        "# Attributes: region names with | (or), & (and), - (without), parentheses; all is every region. A mask is",
        "# drawn where the label is 1. {regions: chin, when: absent} draws it where it is 0, when: always for both.",
        "attributes:",
    ]
    if not guesses:
        return [*lines, f"  Example: {first}", "", "# For attributes that are not listed:", "# default: all"]
    for name, guess in guesses.items():
        plain = re.fullmatch(r"[A-Za-z0-9_]*[A-Za-z_][A-Za-z0-9_]*", name) and name.lower() not in _WORDS_OF_YAML
        key = name if plain else json.dumps(name, ensure_ascii=False)
        lines.append(f"  {key}: {' | '.join(guess)}" if guess else f"  {key}: all  # no region goes by its name")
    return lines


def _of_five_points(scheme: LandmarkScheme) -> tuple[StartingRegion, ...]:
    """Return regions about the points that every scheme has: eyes, nose and the corners of the mouth."""
    left_eye, right_eye, nose, left, right = map(_mean, (*scheme.eyes, scheme.nose, *scheme.mouth))
    length = _lengths_of(scheme)
    middle = f"{{between: [{left}, {right}]}}"
    below = f"{{points: [{middle}], offset: [0, {length(0.35)}]}}"
    throat = (f"{{points: [{middle}], offset: [{length(x)}, {length(y)}]}}" for x, y in ((-0.35, 0.6), (0.35, 1.1)))

    def ellipse(center: str, along: float, across: float) -> str:
        return f"ellipse: {{center: {center}, radii: [{length(along)}, {length(across)}]}}"

    return (
        StartingRegion(
            "eyes",
            "an ellipse about each eye",
            tuple(f"- {ellipse(eye, 0.16, 0.08)}" for eye in (left_eye, right_eye)),
            _EYES,
        ),
        StartingRegion("nose", "about its tip", (ellipse(nose, 0.2, 0.25),), _NOSE),
        StartingRegion("mouth", "about its middle", (ellipse(middle, 0.32, 0.16),), _MOUTH),
        StartingRegion(
            "hair",
            "above the head",
            (f"box: [[{length(-0.9)}, {length(-1.6)}], [{length(0.9)}, {length(-0.7)}]]",),
            _HAIR,
        ),
        StartingRegion("chin", "below the mouth", (ellipse(below, 0.4, 0.2),), _CHIN),
        StartingRegion("neck", "below the chin", (f"box: [{', '.join(throat)}]",), _NECK),
    )


def _lengths_of(scheme: LandmarkScheme) -> Callable[[float], float]:
    """Return what turns lengths in distances of the outer corners of the eyes into those of the scheme's own unit.

    The centres of the eyes are 0.69 of such a distance apart on the average face; schemes without an average face are
    taken to count in their centres' distance.
    """
    apart = 1.0
    if scheme.average:
        left, right = scheme.five_points(np.array([scheme.average]))[0, :2]
        apart = float(np.linalg.norm(right - left))
    return lambda length: round(length * apart / 0.69, 2)


def _mean(group: Sequence[int]) -> str:
    return str(group[0]) if len(group) == 1 else f"{{mean: [{', '.join(map(str, group))}]}}"
