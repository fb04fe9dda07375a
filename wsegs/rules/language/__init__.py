"""Read rule files: YAML text to checked trees, and the grammars of expressions. Imports nothing of ``drawing``."""
