"""A compiled program drawn as region integers."""
