"""Training health: layers over the steps of training, and what stands out in them."""
