"""Numerics on float16 activations: bit patterns, sums, statistics of sets of instances, tests and intervals, thread pool."""
