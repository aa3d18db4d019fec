"""Reads logged runs: event files, arrays and tables of instances, decoded to records, numpy and pyarrow."""
