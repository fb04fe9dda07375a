"""Where samples come from: rows, mini-batches, loaders."""
