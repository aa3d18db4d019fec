"""How neurons respond: one neuron in detail, a subset against the rest, one instance against its classes."""
