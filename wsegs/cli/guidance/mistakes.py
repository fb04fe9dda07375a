"""Mistakes that can be told before torch is imported, which takes seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from wsegs.errors import MissingError


def check_there(options: Mapping[str, Path | None]) -> None:
    """Check that what options name is there.

    Raises
    ------
    MissingError
        If it is not; the message names option and path.
    """
    for option, path in options.items():
        if path is not None and not path.exists():
            raise MissingError(f"{option}: {path}: no such file or folder")


def check_some_image(images: Sequence[Path]) -> None:
    """Check that one of the images is there; some may be missing.

    Raises
    ------
    MissingError
        If none is.
    """
    if not any(image.exists() for image in images):
        more = f", nor any of the {len(images) - 1} others" if len(images) > 1 else ""
        raise MissingError(f"{images[0]}: no such file or folder{more}")
