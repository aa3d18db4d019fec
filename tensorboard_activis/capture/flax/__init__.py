"""Evaluates Flax NNX models: data, graph, activations. The only package of capture/ that imports jax and flax."""
