"""The mask store: one HDF5 file between landmarks and networks.

:class:`MaskStore` loads on first use: workers that draw masks need no reader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsegs.store.reader import MaskStore

__all__ = ["MaskStore"]


def __getattr__(name: str) -> Any:
    if name == "MaskStore":
        from wsegs.store.reader import MaskStore

        return MaskStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
