"""Commands that locate faces."""
