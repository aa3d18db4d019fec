"""Places of instances in two dimensions: principal components, t-SNE, and how steps follow each other."""
