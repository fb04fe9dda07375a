"""Networks on a backbone whose weights were learnt elsewhere."""
