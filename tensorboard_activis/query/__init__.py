"""Queries about a snapshot: pure functions over `read.snapshot.SnapshotReader`, without HTTP, which return frozen dataclasses."""
