"""Faces of a data set located by LNets: boxes.csv, and thresholds that are chosen by landmarks."""
