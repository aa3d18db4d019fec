"""Captures activations: runs a model over evaluation data and reduces each layer to one number per neuron and instance.

Frameworks are imported in torch/ and keras/ only.
"""
