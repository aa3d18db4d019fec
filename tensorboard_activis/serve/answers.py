"""Answers of routes about one snapshot alone, without a request: for an export, which asks thousands of them."""

from collections.abc import Mapping

from tensorboard_activis.errors import NotFoundError
from tensorboard_activis.query.instances import content
from tensorboard_activis.query.limits import time_limit
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve import handlers
from tensorboard_activis.serve.encoding import JSON, encode, encode_json
from tensorboard_activis.serve.parameters import Parameters
from tensorboard_activis.serve.responses import error_content
from tensorboard_activis.serve.routes import TIME_LIMIT


class SnapshotAnswers:
    """Says of a snapshot, as long as this lives the same one, what the routes would say."""

    def __init__(self, snapshot: SnapshotReader) -> None:
        self._snapshot = snapshot

    @staticmethod
    def knows(route: str) -> bool:
        """Whether a route is about one snapshot alone."""
        return route == "content" or route in handlers.ROUTES

    def answer(self, route: str, parameters: Mapping[str, object]) -> tuple[bytes, bool]:
        """The body of the answer, and whether it is an error."""
        given = Parameters(parameters, from_strings=False)
        try:
            with time_limit(TIME_LIMIT):
                if route == "content":
                    return content_of(self._snapshot, handlers.instance_index(self._snapshot, given))[0], False
                return encode(handlers.ROUTES[route](self._snapshot, given))[0], False
        except Exception as error:
            return error_content(route, error)[0], True


def content_of(snapshot: SnapshotReader, index: int) -> tuple[bytes, str]:
    """The answer of the route `content`, and its type. Raises NotFoundError, UnreadableError."""
    kind, value = content.content(snapshot, index)
    if kind == "numbers":
        return encode_json(value), JSON
    # What is sent as an image or audio must be one: the file may come from an untrusted source.
    content_type, start = {
        "image": ("image/png", b"\x89PNG\r\n\x1a\n"),
        "audio": ("audio/wav", b"RIFF"),
    }.get(kind, ("text/plain", b""))
    if not isinstance(value, (bytes, str)) or (start and value[: len(start)] != start):
        raise NotFoundError("This instance has no picture and no sound to show.")
    return value if isinstance(value, bytes) else value.encode(), content_type
