"""From a model and its data to one number per neuron and instance. Frameworks are imported in torch/ and keras/ only."""
