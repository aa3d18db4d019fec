"""What reads Keras models and data on any backend: traces, graph, masks. The only place that imports keras."""
