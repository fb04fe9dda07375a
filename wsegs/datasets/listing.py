"""List the images below a folder, and what of it is passed over."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from wsegs.errors import DataError, MissingError

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".gif"),
    *(".pgm", ".ppm", ".pbm", ".pnm", ".jp2", ".j2k"),
)
_WITH_LIBRARY = {
    ".heic": "pillow-heif",
    ".heif": "pillow-heif",
    ".avif": "a Pillow of 11.3 or later",
}
# What cameras and painting programs write, of which nothing here reads the pixels.
_UNREAD_IMAGES = {".arw", ".cr2", ".cr3", ".dng", ".jxl", ".nef", ".orf", ".psd", ".raw", ".rw2", ".svg"}
_UNREAD_IMAGES |= {".tga", ".xcf"}

_TABLES = {".csv", ".tsv", ".txt"}
_OTHER_TABLES = {".xlsx", ".xls", ".ods", ".parquet", ".json", ".jsonl", ".mat"}

# Folders that a NAS, a system or a program makes beside photos.
_THUMBNAILS = {"@eadir", "__macosx", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "$recycle.bin"}
_THUMBNAILS |= {"lost+found", "system volume information"}

CELEBAMASK_PARTS = (
    *("skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth", "u_lip", "l_lip"),
    *("hair", "hat", "ear_r", "neck_l", "neck", "cloth"),
)
"""The part masks of CelebAMask-HQ, ``00000_hair.png``, in the order in which its own script paints and numbers them."""
_PART = re.compile(rf"[0-9]{{5}}_({'|'.join(CELEBAMASK_PARTS)})\.png")


@dataclass
class Listing:
    """The images below a folder, and what was passed over.

    Attributes
    ----------
    images
        Sorted names relative to the folder, with ``/``.
    others
        Names of files that are no images by their suffix, unsorted.
    folders
        Name of a folder that was not looked into -> how many of that name.
    hidden
        Images whose names begin with a dot.
    parts
        Part masks of CelebAMask-HQ.
    """

    images: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    folders: Counter[str] = field(default_factory=Counter)
    hidden: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    def notes(self) -> tuple[str, ...]:
        """Return in words what was passed over, one line each, but for :attr:`others`."""
        lines = [
            f"{count} {_plural(count, 'folder')} '{name}' (thumbnails, hidden or the system's)"
            for name, count in sorted(self.folders.items())[:3]
        ]
        if len(self.folders) > 3:
            lines.append(f"{len(self.folders) - 3} more such names of folders")
        if self.hidden:
            lines.append(f"{len(self.hidden)} hidden {_plural(len(self.hidden), 'image')}{_example(self.hidden)}")
        if self.parts:
            lines.append(f"{len(self.parts)} part masks of CelebAMask-HQ{_example(self.parts)}, which are no photos")
        return tuple(f"passed over: {line}" for line in lines)


def describe_others(others: Iterable[str]) -> tuple[str, ...]:
    """Return in words which files were passed over that are no images by their suffix, a line for each suffix."""
    by_suffix: dict[str, list[str]] = {}
    for name in sorted(others):
        by_suffix.setdefault(PurePosixPath(name).suffix.lower(), []).append(name)
    return tuple(
        f"passed over: {len(names)} {suffix}{' ' if suffix else ''}{_plural(len(names), 'file')}{_example(names)}"
        f"{_what_helps(suffix)}"
        for suffix, names in by_suffix.items()
    )


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"


def _example(names: list[str]) -> str:
    return f", '{names[0]}'" if len(names) == 1 else f", such as '{min(names)}'"


def _what_helps(suffix: str) -> str:
    if suffix in _WITH_LIBRARY:
        return f": with {_WITH_LIBRARY[suffix]} (pip install) they are read"
    if suffix in _UNREAD_IMAGES:
        return ": not read; save them as JPEG or PNG"
    if suffix in _TABLES:
        return ": --labels names a table of labels, --import one of landmarks"
    if suffix in _OTHER_TABLES:
        return ": labels in it are read if it is saved as CSV"
    return ""


def looks_like_image(name: str) -> bool:
    """Return whether a text ends as the name of an image file does."""
    return name.strip().lower().endswith((*IMAGE_SUFFIXES, *_WITH_LIBRARY))


def list_images(folder: Path, suffixes: Iterable[str] | None = None) -> list[str]:
    """Return the images anywhere below a folder: sorted names relative to it, with ``/``; see :func:`scan_folder`."""
    return scan_folder(folder, suffixes).images


def scan_folder(folder: Path, suffixes: Iterable[str] | None = None) -> Listing:
    """List the images anywhere below a folder.

    Suffixes match in any case; hidden files and folders are skipped, and so are folders of thumbnails that a NAS or a
    system makes, and the part masks of CelebAMask-HQ. Broken links and folders that are named like an image are listed:
    the reader reports them. Links to folders are followed after all real folders, and no folder is listed twice, so
    cyclic links end. Bytes of a name that are not UTF-8 become surrogates, as Python does it.

    Parameters
    ----------
    folder
        The folder.
    suffixes
        Suffixes of images; None for those that can be read.

    Raises
    ------
    MissingError, DataError
        If the folder is missing, is a file or cannot be listed.
    """
    wanted = IMAGE_SUFFIXES if suffixes is None else tuple(suffixes)
    found = Listing()
    seen: set[tuple[int, int]] = set()
    folders: list[str] = [""]
    links: list[str] = []
    while folders or links:
        # Sorted, so that the first of two links to one folder always names it.
        if folders:
            inner = folders.pop()
        else:
            links.sort(reverse=True)
            inner = links.pop()
        try:
            status = (folder / inner).stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder / inner) as entries:
                for entry in entries:
                    name = entry.name
                    is_image, is_folder = name.lower().endswith(wanted), _is_folder(entry)
                    if is_folder and (name.startswith(".") or name.lower() in _THUMBNAILS):
                        found.folders[name] += 1
                    elif name.startswith("."):
                        if is_image:
                            found.hidden.append(inner + name)
                    else:
                        if is_image:
                            (found.parts if _PART.fullmatch(name) else found.images).append(inner + name)
                        elif not is_folder:
                            found.others.append(inner + name)
                        if is_folder:
                            (links if entry.is_symlink() else folders).append(f"{inner}{name}/")
        except FileNotFoundError as error:
            raise MissingError(f"{folder / inner}: no such folder") from error
        except OSError as error:
            raise DataError(f"{folder / inner}: cannot be listed: {error.strerror}") from error
    if suffixes is None:
        _take_optional(found)
    found.images.sort()
    return found


def _take_optional(found: Listing) -> None:
    """Move the images whose library is there from the other files to the images."""
    suffixes = {PurePosixPath(name).suffix.lower() for name in found.others} & _WITH_LIBRARY.keys()
    readable = tuple(suffix for suffix in suffixes if _has_library(suffix))
    if readable:
        found.images += [name for name in found.others if name.lower().endswith(readable)]
        found.others = [name for name in found.others if not name.lower().endswith(readable)]


def _has_library(suffix: str) -> bool:
    if suffix != ".avif":
        return find_spec("pillow_heif") is not None
    import PIL.Image

    PIL.Image.init()
    return suffix in PIL.Image.registered_extensions()


def first_folder(data: Path, candidates: Iterable[str]) -> Path | None:
    """Return the first of the candidates that is a folder in ``data``."""
    return next((data / name for name in candidates if (data / name).is_dir()), None)


def first_file(data: Path, candidates: Iterable[str]) -> Path | None:
    """Return the first of the candidates that exists in ``data``; one of another case where none is spelled so.

    A folder of that name is for the reader to refuse.
    """
    candidates = tuple(candidates)
    exact = next((data / name for name in candidates if (data / name).exists()), None)
    if exact is not None or not data.is_dir():
        return exact
    names: dict[Path, dict[str, str]] = {}
    for candidate in candidates:
        path: Path | None = data
        for part in PurePosixPath(candidate).parts:
            if path is None or not path.is_dir():
                path = None
                break
            if path not in names:
                names[path] = {name.lower(): name for name in sorted(os.listdir(path))}  # noqa: PTH208 (names alone)
            actual = names[path].get(part.lower())
            path = None if actual is None else path / actual
        if path is not None:
            return path
    return None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
