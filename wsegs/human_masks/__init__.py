"""Faces with landmarks and human parsing masks, by which rules are scored and to which they are fitted."""
