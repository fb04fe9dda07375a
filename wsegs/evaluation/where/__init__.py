"""Where a network looks for each attribute, against masks of where the attribute is."""
