"""A run on images: crops, predictions, scores."""
