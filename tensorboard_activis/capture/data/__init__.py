"""Evaluation data in any form, as batches; for numpy arrays, batches and what they say of their instances."""
