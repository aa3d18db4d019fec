"""From records to files: events, large arrays, instances."""
