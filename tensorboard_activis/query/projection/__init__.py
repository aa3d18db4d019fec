"""Projections of instances to two dimensions: PCA, t-SNE, and their alignment over steps."""
