"""Where in the input a neuron responds: peaks, maps, tokens."""
