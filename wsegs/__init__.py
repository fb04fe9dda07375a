"""Weak attribute segments of faces: landmarks -> rules -> a mask store -> networks."""

__version__ = "0.1.0"
