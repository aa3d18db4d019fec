"""Parses the parameters of a request, from the query string or from the JSON body of a POST."""

import contextlib
from collections.abc import Mapping

import werkzeug
from werkzeug.exceptions import RequestEntityTooLarge

from tensorboard_activis.errors import QueryError
from tensorboard_activis.query.limits import TooLargeError
from tensorboard_activis.serve.json_values import check_text, is_text, parse_json

MAX_BODY = 1_000_000


class Parameters:
    """Named parameters, with methods that check types; all of them raise QueryError for what is missing or of another type.

    Args:
        values: the parameters by name.
        from_strings: whether all values are strings, as in a query string, and are to be parsed.
        key: the query string or body as it was sent, for cache keys: what is sent alike means the same.
    """

    def __init__(self, values: Mapping[str, object], from_strings: bool, key: bytes = b"") -> None:
        self.key = key
        self._values = values
        self._from_strings = from_strings

    def string(self, name: str) -> str:
        """A required string."""
        value = self._values.get(name)
        if not isinstance(value, str):
            raise QueryError(f"The parameter {name} is missing." if value is None else f"{name} must be a text.")
        return value

    def optional_string(self, name: str) -> str | None:
        """A string; None when it is missing or empty."""
        return self.string(name) or None if self._values.get(name) is not None else None

    def integer(self, name: str, default: int | None = None) -> int:
        """An integer of 64 bits; the default when it is missing."""
        value = self._values.get(name)
        if value is None and default is not None:
            return default
        if self._from_strings and isinstance(value, str) and len(value) < 20:
            with contextlib.suppress(ValueError):
                value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
            raise QueryError(
                f"The parameter {name} is missing."
                if value is None
                else f"{name} must be a whole number; got {value!r:.40}."
            )
        return value

    def has(self, name: str) -> bool:
        """Whether there is a parameter of this name."""
        return self._values.get(name) is not None

    def scalar(self, name: str) -> int | str:
        """A string or an integer. In a query string every value is a string."""
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise QueryError(f"{name} must be a text or a whole number; got {value!r:.40}.")
        return value

    def boolean(self, name: str) -> bool:
        """A bool; False when it is missing."""
        value = self._values.get(name, False)
        if value in (False, "false", "0", ""):
            return False
        if value in (True, "true", "1"):
            return True
        raise QueryError(f"{name} must be true or false; got {value!r:.40}.")

    def structure(self, name: str) -> object:
        """A JSON value; None when it is missing."""
        value = self._values.get(name)
        if not (self._from_strings and isinstance(value, str)):
            return value
        return parse_json(value, name)

    def run_and_step(self, name: str) -> tuple[str, int] | None:
        """A run and a step, from JSON `{"run": name, "step": number}`; None when it is missing."""
        value = self.structure(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise QueryError(f'{name} must be {{"run": name, "step": number}}; got {value!r:.60}.')
        inner = Parameters(value, from_strings=False)
        return inner.string("run"), inner.integer("step")


def parse_parameters(request: werkzeug.Request) -> Parameters:
    """Parses the parameters of a GET or POST. Raises QueryError, and TooLargeError for a body of more than MAX_BODY bytes.

    A POST must say that its body is JSON: a page of another site can send forms and plain text without asking, but not JSON.
    """
    if request.method in ("GET", "HEAD"):
        return Parameters(_query(request), True, b"?" + request.query_string)
    if request.method != "POST":
        raise QueryError(f"Only GET and POST are answered; got {request.method}.")
    if request.mimetype != "application/json":
        raise QueryError(f"A POST needs the header Content-Type: application/json; got {request.mimetype!r:.80}.")
    # Applies to bodies of unknown length as well: they are read up to the limit.
    request.max_content_length = MAX_BODY
    try:
        body = request.get_data(cache=False) or b"{}"
    except RequestEntityTooLarge as error:
        raise TooLargeError(f"The body of a request may have at most {MAX_BODY:,} bytes.") from error
    values = parse_json(body, "The body")
    if not isinstance(values, dict):
        raise QueryError("The body must be a JSON object.")
    return Parameters(values, False, body)


def _query(request: werkzeug.Request) -> dict[str, str]:
    """The parameters of the query string, of repeated ones the first. Raises QueryError for invalid UTF-8."""
    try:
        values = request.args.to_dict()
    except ValueError as error:  # bytes that are not quoted
        raise QueryError("The address must be UTF-8.") from error
    if not is_text("".join((*values, *values.values()))):
        for name, value in values.items():
            check_text(name, "The address")
            check_text(value, f"{name:.40}")
    return values
