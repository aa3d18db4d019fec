"""Details of one neuron, of one subset against all other instances, and of one instance."""
