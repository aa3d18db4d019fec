"""What is stored of single instances: ids, columns, content. Numpy and Arrow only."""
