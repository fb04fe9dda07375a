"""List the images below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from wsegs.errors import DataError, MissingError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def list_images(folder: Path, suffixes: Iterable[str] = IMAGE_SUFFIXES) -> list[str]:
    """Return the images anywhere below a folder: sorted names relative to it, with ``/``.

    Suffixes match in any case; hidden files and folders are skipped. Broken links and folders that are named like an
    image are listed: the reader reports them. Links to folders are followed after all real folders, and no folder is
    listed twice, so cyclic links end. Bytes of a name that are not UTF-8 become surrogates, as Python does it.

    Raises
    ------
    MissingError, DataError
        If the folder is missing, is a file or cannot be listed.
    """
    suffixes = tuple(suffixes)
    images: list[str] = []
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
                    if name.startswith("."):
                        continue
                    if name.lower().endswith(suffixes):
                        images.append(inner + name)
                    if _is_folder(entry):
                        (links if entry.is_symlink() else folders).append(f"{inner}{name}/")
        except FileNotFoundError as error:
            raise MissingError(f"{folder / inner}: no such folder") from error
        except OSError as error:
            raise DataError(f"{folder / inner}: cannot be listed: {error.strerror}") from error
    return sorted(images)


def first_folder(data: Path, candidates: Iterable[str]) -> Path | None:
    """Return the first of the candidates that is a folder in ``data``."""
    return next((data / name for name in candidates if (data / name).is_dir()), None)


def first_file(data: Path, candidates: Iterable[str]) -> Path | None:
    """Return the first of the candidates that exists in ``data``; a folder of that name is for the reader to refuse."""
    return next((data / name for name in candidates if (data / name).exists()), None)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
