"""Writes names and values as expressions have them."""

import keyword
import re

from tensorboard_activis.printable import visible

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


def quoted(value: str | int) -> str:
    """A text or whole number as a literal of the expression language; invisible characters are escaped as in Python."""
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{visible(escaped)}"'


def column(name: str) -> str:
    """A column's name as expressions have it: `col("…")` unless it is an identifier."""
    return name if _IDENTIFIER.fullmatch(name) and not keyword.iskeyword(name) else f"col({quoted(name)})"
