"""`tensorboard-activis check`: whether everything below a log directory is as it was written. Reads; imports no framework."""
