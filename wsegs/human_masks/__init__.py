"""Faces with landmarks and human parsing masks: what rules are scored against and fitted to."""
