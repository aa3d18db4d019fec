"""Limits of single questions."""

from tensorboard_activis.errors import QueryError


class TooLargeError(QueryError):
    """More was asked for than one answer may hold; the message says the limit."""
