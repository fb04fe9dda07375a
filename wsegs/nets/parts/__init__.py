"""Networks that read a face part by part, and that others are compared with."""
