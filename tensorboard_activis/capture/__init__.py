"""From a model and its data to one number per neuron and instance. torch and keras are imported only here."""
