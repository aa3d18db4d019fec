"""Training health in PyTorch: hooks on layers and optimizers during single steps of training."""
