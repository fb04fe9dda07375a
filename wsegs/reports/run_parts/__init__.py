"""Parts of the page about a run that not every run has."""
