"""What ``wsegs evaluate`` measures beside scores, and ``wsegs compare``."""
