"""Answers questions about a snapshot: pure functions over `read.snapshot.SnapshotReader`, without HTTP."""
