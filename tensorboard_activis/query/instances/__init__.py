"""Kept instances: columns, classes, content, tables, groups, export."""
