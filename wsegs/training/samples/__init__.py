"""Samples of a training: sources, samplers, loaders."""
