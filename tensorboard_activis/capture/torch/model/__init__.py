"""The user's model: its modules and parameters, and its state during a pass, which is restored."""
