"""Functions of ``import wsegs`` whose arguments are what a notebook has: paths, arrays, names."""
