"""The user's model: its calls, its state, how it is built and compiled."""
