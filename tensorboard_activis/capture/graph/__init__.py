"""What a recorded graph says: which layers to record, whether outputs are probabilities, the union of execution paths."""
