"""Rules: landmarks to base regions to attributes."""
