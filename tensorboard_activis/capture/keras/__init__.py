"""Evaluates Keras models on any backend: data, graph, masks, activations. The only package of capture/ that imports keras."""
