"""Parquet files that were made to do harm, by name, each with a pattern of what must be said of it."""

from tests.hostile.malicious import counts, pages, schemas  # noqa: F401  (each enters its files)
from tests.hostile.malicious.making import FILES

__all__ = ["FILES"]
