"""Questions to a snapshot: pure functions over `read.run.SnapshotReader`, without HTTP."""
