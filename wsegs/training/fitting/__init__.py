"""Fit linear heads on the features of a frozen network, in place of training it."""
