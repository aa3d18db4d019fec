"""The model's graph, recorded in a forward pass or exported, and the places of layers' outputs in a pass."""
