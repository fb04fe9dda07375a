"""What a backbone says in each region of each image: ``features.h5``."""
