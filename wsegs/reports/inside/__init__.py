"""Pages about hidden layers of a trained network."""
