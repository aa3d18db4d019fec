"""Bounds the disk: removes activations of single instances from the steps of a run that are between others."""
