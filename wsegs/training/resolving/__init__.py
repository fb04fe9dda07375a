"""Parts of :func:`wsegs.training.resolve.resolve`: tasks, sources, regions."""
