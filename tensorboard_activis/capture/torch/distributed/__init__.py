"""Communication by torch.distributed, and what only torch has to send."""
