"""The user's data: batches of one form, and what they say of their instances."""
