"""The mask store: one HDF5 file between landmarks and networks."""

from wsegs.store.reader import MaskStore

__all__ = ["MaskStore"]
