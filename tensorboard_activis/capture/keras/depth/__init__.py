"""Prediction by depth: the model's own last norm and head, applied to the output of every block."""
