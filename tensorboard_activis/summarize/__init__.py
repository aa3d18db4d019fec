"""From batches of activations to statistics and a sample."""
