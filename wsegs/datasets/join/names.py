"""Find the image that a name means, where tables and folders spell names differently.

Spreadsheets lose leading zeros, cameras write ``.JPG``, macOS stores accents apart from their letters, and other tools
write absolute names. A name is taken for an image where one image alone fits.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

_IMAGE_SUFFIX = re.compile(r"\.(jpe?g|jpe|jfif|png|bmp|dib|webp|tiff?|gif|p[bgnp]m|heic|heif|avif|jp2)$", re.IGNORECASE)
_JPEG = re.compile(r"\.(jpeg|jpe|jfif)$", re.IGNORECASE)
_LONGEST = 4096  # characters; no system opens a file of a longer name
_BLANK = re.compile(r"\s")
_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
_WHOLE_DECIMAL = re.compile(r"\b([0-9]+)\.0+$")  # 000001 that went through a column of decimals

# What a name is reduced by, with what to call it where that was needed to find the image.
_FORMS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("folders written with \\", lambda name: name.replace("\\", "/")),
    ("blanks at the ends", lambda name: _without_blanks(name) if _BLANK.search(name) else name),
    (".jpg and .jpeg", lambda name: name if name.endswith(".jpg") else _JPEG.sub(".jpg", name)),
    ("leading zeros", lambda name: _without_zeros(name) if "0" in name else name),
    ("upper and lower case", str.casefold),
    ("composed and decomposed accents", lambda name: unicodedata.normalize("NFC", name)),
)
_PLAIN = {"folders written with \\", "blanks at the ends"}  # nobody needs to be told of these


@dataclass(frozen=True)
class Found:
    """What one name means.

    Attributes
    ----------
    images
        The images that fit, by their row: one, none, or several that fit equally well.
    exact
        Whether the image has that very name.
    """

    images: tuple[int, ...] = ()
    exact: bool = False


@dataclass
class Differences:
    """Names that differ in form from those of their images.

    Attributes
    ----------
    count
        How many.
    example
        The first pair: the name, that of its image, and what is apart.
    """

    count: int = 0
    example: tuple[str, str, str] = ("", "", "")

    def add(self, name: str, image: str) -> None:
        """Take in the name of an image, if more is apart than folders, blanks and a missing suffix."""
        apart = what_is_apart(name, image)
        if not apart or apart in _PLAIN:
            return
        if not self.count:
            self.example = (name, image, apart)
        self.count += 1

    def describe(self, source: object, images: int) -> list[str]:
        """Return one line about them, or none."""
        if not self.count:
            return []
        name, image, apart = self.example
        return [
            f"{source}: {self.count} of {images} images are named otherwise: '{name}' is taken for '{image}'"
            f" ({apart} apart)"
        ]


@dataclass
class ImageNames:
    """The names of N images, among which other names are looked up.

    Attributes
    ----------
    images
        N names, relative to the folder.
    folder
        The folder, for absolute names below it; "" if it is unknown.
    """

    images: Sequence[str]
    folder: str = ""
    _exact: dict[str, int] = field(init=False, repr=False)
    _whole: dict[str, list[int]] | None = field(init=False, default=None, repr=False)
    _ends: dict[str, list[int]] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._exact = {name: row for row, name in enumerate(self.images)}
        if self.folder:
            self.folder = os.path.abspath(self.folder).replace("\\", "/").rstrip("/") + "/"  # noqa: PTH100

    def find(self, name: str) -> Found:
        """Return the images that a name fits.

        That is the image of this very name; else those whose names differ in form alone; else those among them that
        leave out the first folders of the name, or of whose first folders the name says nothing. A name without a
        suffix fits whatever the image's is.
        """
        if name in self._exact:
            return Found((self._exact[name],), exact=True)
        if len(name) > _LONGEST:
            return Found()
        if self._whole is None:
            self._whole = self._fold_all()
        path = name.replace("\\", "/")
        if self.folder and path.strip().startswith(self.folder):
            path = path.strip()[len(self.folder) :]
        folded = fold(path)
        parts = folded.split("/")
        if not parts[-1]:
            return Found()
        whole = (self._whole.get("/".join(parts[start:])) for start in range(len(parts)))
        rows = next((rows for rows in whole if rows), None) or self._ends.get(folded, [])
        return Found(tuple(rows))

    def hint(self, name: str) -> str:
        """Return a guess why a name fits no image, to be put behind a message; "" if there is none."""
        fits = self.find(without_suffix(name.strip())).images
        return f"; '{name}' and '{self.images[fits[0]]}' differ in their suffix" if fits else ""

    def _fold_all(self) -> dict[str, list[int]]:
        whole: dict[str, list[int]] = defaultdict(list)
        ends: dict[str, list[int]] = defaultdict(list)
        for row, name in enumerate(self.images):
            folded = fold(name)
            for key in dict.fromkeys((folded, without_suffix(folded))):
                whole[key].append(row)
                end = key
                while "/" in end:
                    end = end.partition("/")[2]
                    ends[end].append(row)
        self._ends = dict(ends)
        return dict(whole)


def fold(name: str) -> str:
    """Return what is left of a name without all that may differ in form.

    >>> fold(" ./Faces//Zoe\u0308 007.JPG") == fold("faces/Zo\u00eb 7.jpeg")
    True
    """
    return _folded(name, range(len(_FORMS)))


def what_is_apart(name: str, image: str) -> str:
    """Say in what form two names differ that :func:`fold` makes one, folders aside; "" if in nothing else.

    >>> what_is_apart("faces/1.JPG", "0001.jpg")
    'leading zeros, upper and lower case'
    """
    if not _IMAGE_SUFFIX.search(name.strip()):
        image = without_suffix(image)
    needed = list(range(len(_FORMS)))
    for form in range(len(_FORMS)):
        fewer = [other for other in needed if other != form]
        if _same_end(_folded(name, fewer), _folded(image, fewer)):
            needed = fewer
    return ", ".join(_FORMS[form][0] for form in needed)


def without_suffix(name: str) -> str:
    """Return a name without the suffix of an image.

    >>> without_suffix("a.b.JPG"), without_suffix("a.b")
    ('a.b', 'a.b')
    """
    return _IMAGE_SUFFIX.sub("", name)


def _folded(name: str, forms: Iterable[int]) -> str:
    for form in forms:
        name = _FORMS[form][1](name)
    if "/" not in name and name != ".":
        return name
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def _without_blanks(name: str) -> str:
    return "/".join(part.strip() for part in name.split("/"))


def _without_zeros(name: str) -> str:
    return _ZEROS.sub("", _WHOLE_DECIMAL.sub(r"\1", name))


def _same_end(one: str, other: str) -> bool:
    return one == other or one.endswith(f"/{other}") or other.endswith(f"/{one}")
