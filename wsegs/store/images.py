"""Where the images of a mask store lie."""

from __future__ import annotations

from pathlib import Path

from wsegs.datasets import open_dataset
from wsegs.errors import MissingError, OptionError
from wsegs.store.reader import MaskStore


def find_image_root(store: MaskStore, data: Path | None, source: str | None = None) -> Path:
    """Return the folder below which the images of a store lie.

    Parameters
    ----------
    store
        Remembers the folder in which the landmarks were found.
    data
        The data set as the user names it, where it lies elsewhere now.
    source
        What to call the store in a message; its path, if None.

    Raises
    ------
    MissingError
        If there is no such folder.
    """
    root = store.data_root if data is None else data
    if not root.is_dir():
        hint = "; --data names the data set where it lies now" if data is None else ""
        raise MissingError(f"{root}: no such folder, where the images of {source or store.path} are expected{hint}")
    if data is None or (root / store.images[0]).is_file():
        return root
    name = store.provenance.get("data", {}).get("name", "")
    kinds = {"celeba-aligned": "aligned", "celeba-wild": "wild"}
    try:
        return open_dataset(data, images=kinds.get(name)).root
    except OptionError:
        return root  # another kind of data set: whoever reads will say which image is not there
