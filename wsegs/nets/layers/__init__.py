"""Layers that networks share, and what draws the regions that they read."""
