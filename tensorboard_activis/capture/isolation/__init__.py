"""What keeps training as it was while a model is evaluated: signals, other threads, forked processes, random numbers."""
