"""Parses untrusted JSON: limits its nesting and size, and refuses NaN and strings that UTF-8 cannot encode."""

import json
import re
from collections.abc import Iterable
from typing import NoReturn

from tensorboard_activis.errors import QueryError

#: Levels of lists and objects; a request needs four.
MAX_LEVELS = 20
#: Lists and objects; a matrix has at most 1,000 rows, whose expressions may hold lists.
MAX_STRUCTURES = 50_000
#: Commas; numbers of rows of a million bytes have fewer.
MAX_COMMAS = 150_000
#: Half of a surrogate pair, as an escape: not every one of them is half of one.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str | bytes, name: str) -> object:
    """The value of a JSON text. Raises QueryError, which says what is wrong with what is called `name`."""
    try:
        text = text.decode() if isinstance(text, bytes) else text
        if text.count("[") + text.count("{") > MAX_STRUCTURES:
            raise QueryError(f"{name} must be JSON with at most {MAX_STRUCTURES:,} lists and objects.")
        if text.count(",") > MAX_COMMAS:
            raise QueryError(f"{name} must be JSON with at most {MAX_COMMAS:,} values.")
        value: object = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise QueryError(f"{name} must be JSON: {error!s:.200}.") from error
    _check_levels(value, name)
    if _SURROGATE.search(text):
        check_text(json.dumps(value, ensure_ascii=False), name)
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
        raise QueryError(f"{name} holds half of a surrogate pair, which is no text.")


def _check_levels(value: object, name: str) -> None:
    level = [value]
    for _ in range(MAX_LEVELS + 1):
        level = [item for parent in level for item in _items(parent) if isinstance(item, (dict, list))]
        if not level:
            return
    raise QueryError(f"{name} must be JSON of at most {MAX_LEVELS} levels.")


def _items(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
