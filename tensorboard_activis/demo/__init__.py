"""The demo: trains a small network on real images of digits, logs it, and opens TensorBoard."""
