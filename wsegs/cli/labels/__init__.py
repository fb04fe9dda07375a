"""Labels that were corrected after landmarks were found: telling, and taking the new ones."""
