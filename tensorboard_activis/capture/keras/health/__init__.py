"""Training health in Keras: single batches of `fit` are computed a second time, beside the compiled training step."""
