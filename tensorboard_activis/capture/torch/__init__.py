"""Evaluates PyTorch models: data loaders, forward hooks, graph, processes. The only package of capture/ that imports torch."""
