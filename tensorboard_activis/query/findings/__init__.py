"""What the logs say is wrong with a model: findings, each with the count it is made of."""
