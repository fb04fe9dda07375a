"""The layouts in which data sets travel: one module each returns a :class:`wsegs.datasets.index.FaceDataset`."""
