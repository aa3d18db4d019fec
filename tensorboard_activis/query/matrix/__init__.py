"""The neuron activation matrix: rows, statistics, order, colour scales; and the heat strips of the graph."""
