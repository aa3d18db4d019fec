"""Texts as files, messages and pages can hold them."""


def printable(text: str) -> str:
    """The same text; halves of surrogate pairs, which UTF-8 cannot hold, are written out, as in `\\\\ud800`.

    They come from files that were decoded with `surrogateescape`. Written out, two names that differ in them still differ.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
