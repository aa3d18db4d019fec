"""What the heads of attention layers do: found among the operators of a forward pass, reduced to a few numbers per position."""
