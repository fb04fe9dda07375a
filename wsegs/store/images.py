"""Find the images of a landmark table or a mask store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wsegs.datasets import open_dataset
from wsegs.errors import MissingError, OptionError
from wsegs.store.reader import MaskStore


def find_image_root(store: MaskStore, data: Path | None, source: str | None = None) -> Path:
    """Return the folder of a store's images; see :func:`find_root`.

    Of a store that keeps its images, the folder need not exist any more.
    """
    if store.has_images:
        return store.data_root if data is None else data
    return find_root(store.provenance, store.images[0], data, source or str(store.path))


def find_root(provenance: Mapping[str, Any], first_image: str, data: Path | None, source: str) -> Path:
    """Return the folder that image names are relative to.

    Parameters
    ----------
    provenance
        Of a landmark table or a store; names the folder in which the landmarks were found.
    first_image
        A name relative to that folder.
    data
        The data set, if it moved since then; None if not.
    source
        The name of the file for messages.

    Raises
    ------
    MissingError
        If there is no such folder.
    """
    found_in = provenance.get("data", {})
    root = Path(found_in.get("root", ".")) if data is None else data
    if not root.is_dir():
        hint = "; --data names the data set where it lies now" if data is None else ""
        raise MissingError(f"{root}: no such folder, where the images of {source} are expected{hint}")
    if data is None or (root / first_image).is_file():
        return root
    kinds = {"celeba-aligned": "aligned", "celeba-wild": "wild"}
    try:
        return open_dataset(data, images=kinds.get(found_in.get("name", ""))).root
    except OptionError:
        return root  # not CelebA: reading names the image that is missing
