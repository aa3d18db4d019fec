"""What reads PyTorch models and data: hooks, graph, batches, processes. The only place that imports torch."""
