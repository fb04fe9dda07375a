"""Facial landmarks: detectors, the table of what they found, imports."""
