"""Streaming statistics per subset and neuron, and the sample of instances, from batches of activations."""
