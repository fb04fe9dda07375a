"""The one writer of ``masks.h5``."""
