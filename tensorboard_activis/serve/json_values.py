"""Parses untrusted JSON: limits its nesting and size, and refuses NaN and strings that UTF-8 cannot encode."""

import json
from collections.abc import Iterable
from typing import NoReturn

from tensorboard_activis.errors import QueryError

#: Levels of lists and objects; a request needs four.
MAX_LEVELS = 20
#: Lists and objects; a matrix has at most 1,000 rows, whose expressions may hold lists.
MAX_STRUCTURES = 50_000
#: Commas; numbers of rows of a million bytes have fewer.
MAX_COMMAS = 150_000
#: Characters of a whole number; one of 64 bits has 20 at most.
MAX_DIGITS = 20


def parse_json(text: str | bytes, name: str) -> object:
    """The value of a JSON text, which `check_text` lets through if it is no bytes.

    Raises QueryError, which says what is wrong with what is called `name`.
    """
    try:
        text = text.decode() if isinstance(text, bytes) else text
        structures = text.count("[") + text.count("{")
        if structures > MAX_STRUCTURES:
            raise QueryError(f"{name} must be JSON with at most {MAX_STRUCTURES:,} lists and objects.")
        if text.count(",") > MAX_COMMAS:
            raise QueryError(f"{name} must be JSON with at most {MAX_COMMAS:,} values.")
        value: object = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise QueryError(f"{name} must be JSON: {error!s:.200}.") from error
    if structures > MAX_LEVELS or "\\u" in text:  # otherwise neither is possible
        _check(value, name)
    return value


def is_text(text: str) -> bool:
    """Whether UTF-8 can hold it, and so a file, a table or an answer: it has no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_text(text: str, name: str) -> None:
    """Raises QueryError for what is no text."""
    if not is_text(text):
        raise QueryError(f"{name} holds half of a surrogate pair, which is not text.")


def _check(value: object, name: str) -> None:
    """Raises QueryError for too many levels, and for what is no text."""
    level = [value]
    for _ in range(MAX_LEVELS + 2):
        for item in level:
            if isinstance(item, str):
                check_text(item, name)
        level = [item for parent in level if isinstance(parent, dict | list) for item in _items(parent)]
        if not level:
            return
    raise QueryError(f"{name} must be JSON of at most {MAX_LEVELS} levels.")


def _items(value: dict[str, object] | list[object]) -> Iterable[object]:
    return (*value, *value.values()) if isinstance(value, dict) else value


def _whole_number(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a whole number may have {MAX_DIGITS} digits, got {len(text):,}")
    return int(text)


def _decimal_number(text: str) -> float:
    # Not `float` itself: between calls of a function of Python other threads get the interpreter, and some
    # numbers take 100 times as long as others.
    return float(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_whole_number, parse_float=_decimal_number)
