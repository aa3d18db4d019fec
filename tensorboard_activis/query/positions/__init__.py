"""Where in the input a neuron responds: peaks, maps, tokens; and what heads of attention look at."""
