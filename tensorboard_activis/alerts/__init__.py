"""Looks at each snapshot as soon as it is written: findings for the user, scalars for TensorBoard. Both faces of logging use it."""
