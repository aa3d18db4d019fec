"""Limits the length of an expression, checked in one pass over its text before it is parsed."""

import re
from typing import NoReturn

from tensorboard_activis.errors import ExpressionError

#: Characters of an expression, the values of lists not counted: lists of ids are long, and limited by MAX_LIST.
MAX_LENGTH = 4096
#: Values of all lists of an expression.
MAX_LIST = 10_000
_MAX_TEXT = 300_000

# A quote that is not closed goes on to the end; every repetition is possessive or short, so nothing is looked at twice.
_TEXT = (
    r"""'''(?:[^'\\]|\\.|'(?!''))*+(?:''')?+|\"""(?:[^"\\]|\\.|"(?!""))*+(?:\""")?+"""
    r"""|'(?:[^'\\]|\\.)*+'?+|"(?:[^"\\]|\\.)*+"?+"""
)
_NUMBER = r"[-+]?(?:\d{1,40}+(?:\.\d{0,40}+)?|\.\d{1,40}+)(?:[eE][-+]?\d{1,5})?"
_TOKEN = re.compile(
    rf"(?P<value>\s{{0,8}}(?:{_NUMBER}|{_TEXT})\s{{0,8}}(?=[,\]]))|(?P<text>{_TEXT})"
    r"""|(?<!\w)(?P<prefix>[A-Za-z]{1,2})(?=['"])|(?P<sign>[\[\],])""",
    re.DOTALL,
)


def check_length(text: str) -> None:
    """Raises ExpressionError for more than MAX_LENGTH characters besides the values of lists, or more than MAX_LIST of these.

    It goes no further into the text than to the first of what is too much.
    """
    if len(text) > _MAX_TEXT:
        _refuse_length()
    in_lists, values, commas, depth = 0, 0, 0, 0
    for token in _TOKEN.finditer(text):
        if token.start() - in_lists > MAX_LENGTH:
            _refuse_length()
        if token["prefix"]:
            if "f" in token["prefix"].lower():
                raise ExpressionError(
                    "f before a text is not allowed: no values are put into texts here.", token.start()
                )
        elif token["sign"] == "[":
            depth += 1
        elif token["sign"] == "]":
            depth = max(0, depth - 1)
        elif depth and not token["text"]:  # a value or a comma
            in_lists += len(token[0])
            values += token["sign"] is None
            commas += token["sign"] is not None
            if max(values, commas) > MAX_LIST:
                raise ExpressionError(
                    f"The lists of the expression hold more than {MAX_LIST:,} values; at most {MAX_LIST:,} are allowed. "
                    "Use fewer."
                )
    if len(text) - in_lists > MAX_LENGTH:
        _refuse_length()


def _refuse_length() -> NoReturn:
    raise ExpressionError(
        f"The expression is too long: at most {MAX_LENGTH:,} characters besides lists. Use a shorter one."
    )
