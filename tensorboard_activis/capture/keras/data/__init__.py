"""The user's data: batches of one form, labels, and which of inputs and outputs is shown."""
