"""Frames, 2x3 matrices, and resampling by pixel centres."""
