"""Two runs compared on the same images, by what their evaluations wrote. Imports no torch."""
