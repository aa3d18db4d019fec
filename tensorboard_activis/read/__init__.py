"""From files to records and arrays."""
