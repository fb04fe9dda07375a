"""Curves of scores against how much was learnt from."""
