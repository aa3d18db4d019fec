"""The neuron activation matrix: its rows, statistics, order, colours; and the heat strips of the graph."""
