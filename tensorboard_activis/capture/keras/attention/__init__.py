"""The heads of attention layers: seen where the layers compute attention, reduced to a few numbers per position."""
