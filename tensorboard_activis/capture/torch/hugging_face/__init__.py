"""Hugging Face's Trainer: its evaluation data, and the evaluations that it runs."""
