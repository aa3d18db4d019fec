"""Projects instances to two dimensions: principal components and t-SNE, aligned from step to step."""
