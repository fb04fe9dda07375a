"""Import landmarks of other tools, joined to the images by name.

``kinds.py`` says which files are read. What comes in is doubted in :mod:`wsegs.landmarks.plausible`.
"""

from wsegs.landmarks.imports.export import write_csv
from wsegs.landmarks.imports.read import Imported, read_imports

__all__ = ["Imported", "read_imports", "write_csv"]
