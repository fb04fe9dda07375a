"""Data sets: which images there are, and what is known of each."""
