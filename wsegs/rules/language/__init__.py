"""The text of a rule file, checked."""
