"""What the model is for: detection of the task, and the predictions of a batch for each task."""
