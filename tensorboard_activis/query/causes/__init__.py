"""Which neurons are behind a prediction: what a margin would be if a neuron had another value."""
