"""Makes any text safe to write to files, messages and terminals."""

import traceback


def printable(text: str) -> str:
    """The same text; halves of surrogate pairs, which UTF-8 cannot hold, are written out, as in `\\\\ud800`.

    They come from files that were decoded with `surrogateescape`. Written out, two names that differ in them still differ.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def visible(text: str) -> str:
    """The same text on one line of a terminal: what has no picture of its own is written as Python's escape, as in `\\\\x1b`.

    Control characters, line breaks, marks that turn the direction of writing, and what else could move the cursor, hide or
    change what stands beside it: names and messages come from files that somebody else may have made.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def visible_lines(text: str) -> str:
    """The same for a text of several lines, such as a traceback, whose line breaks stay."""
    return "\n".join(map(visible, text.split("\n")))


def traceback_of(error: BaseException) -> str:
    """An error's traceback for a log that a terminal shows."""
    return visible_lines("".join(traceback.format_exception(error)).rstrip())
