"""Frames and crops, 2x3 matrices, and resampling by pixel centres.

Points are x, y in pixels and arrays are row, column; the centre of a pixel is at whole numbers. A leaf: it imports
nothing of wsegs but the errors.
"""
