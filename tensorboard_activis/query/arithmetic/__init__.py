"""Arithmetic on float16 activations: bits, sums, statistics of sets of rows, tests and intervals, threads."""
