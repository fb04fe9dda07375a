"""Draw a compiled program as region integers; imports ``language``, which does not import this room."""
