"""The kept instances and what is known of each: columns, classes, content, tables, groups, files."""
