"""Files that are complete or absent, HDF5 with integrity, journals, YAML with line numbers, parallel map."""
