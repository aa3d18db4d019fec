"""Writes a snapshot to disk: arrays, the table of instances, then the event that names them."""
