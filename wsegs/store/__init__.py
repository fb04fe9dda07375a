"""The mask store: one HDF5 file between landmarks and networks."""
