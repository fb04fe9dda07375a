"""Read tables of text: bytes to text, text to fields, fields to labels or numbers."""
