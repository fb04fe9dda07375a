"""Commands that write what other programs read."""
