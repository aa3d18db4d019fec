"""The plugin inside TensorBoard: thin HTTP routes over `query`."""
