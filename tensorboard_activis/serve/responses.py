"""Makes HTTP responses: answers and files with their `ETag`, and errors in one JSON format."""

import hashlib
import logging
from collections.abc import Sequence

import werkzeug
from tensorboard.backend import http_util

from tensorboard_activis.errors import (
    ActiVisError,
    ExpressionError,
    NotFoundError,
    QueryError,
    ThinnedError,
    UnreadableError,
)
from tensorboard_activis.printable import traceback_of, visible
from tensorboard_activis.query.limits import TooLargeError
from tensorboard_activis.serve.compression import compressed
from tensorboard_activis.serve.cross_site import ForbiddenError
from tensorboard_activis.serve.encoding import JSON, SAFETENSORS, encode, encode_json
from tensorboard_activis.serve.request_slots import BusyError

logger = logging.getLogger(__name__)

#: When to ask again after an answer of 503.
RETRY_SECONDS = 2

_KINDS: tuple[tuple[type[Exception], str, int], ...] = (
    (TooLargeError, "too_large", 413),
    (ForbiddenError, "forbidden", 403),
    (QueryError, "bad_request", 400),
    (ThinnedError, "thinned", 410),
    (NotFoundError, "not_found", 404),
    (UnreadableError, "unreadable", 422),
    (BusyError, "busy", 503),
    (ActiVisError, "bad_request", 400),
)


def respond(
    request: werkzeug.Request,
    content: bytes | str,
    content_type: str,
    code: int = 200,
    headers: Sequence[tuple[str, str]] = (),
    content_encoding: str | None = None,
    expires: int = 0,
) -> werkzeug.Response:
    """Makes a response with TensorBoard's function, which adds security headers and compresses text.

    Arguments:
        expires: seconds for which the browser need not ask again.
    """
    response: werkzeug.Response = http_util.Respond(
        request,
        content,
        content_type,
        code=code,
        headers=list(headers),
        content_encoding=content_encoding,
        expires=expires,
    )
    return response


def answer_response(request: werkzeug.Request, answer: object, etag: str | None = None) -> werkzeug.Response:
    """Serializes an answer of `query` as JSON or safetensors; see `encoding`."""
    return bytes_response(request, *encode(answer), etag)


def bytes_response(
    request: werkzeug.Request, content: bytes | str, content_type: str, etag: str | None = None
) -> werkzeug.Response:
    """A response with content that is serialized already."""
    return _respond(request, content if isinstance(content, bytes) else content.encode(), content_type, etag)


def download_response(
    request: werkzeug.Request, content: bytes | str, content_type: str, name: str, etag: str
) -> werkzeug.Response:
    """A response that the browser saves as a file of this name (letters, digits, dots and hyphens)."""
    headers = [("Content-Disposition", f'attachment; filename="{name}"'), _etag(etag)]
    return respond(request, content, content_type, headers=headers)


def unchanged_response(request: werkzeug.Request, etag: str) -> werkzeug.Response:
    """The response 304: the client has the answer in its cache."""
    return respond(request, b"", "application/octet-stream", code=304, headers=[_etag(etag)])


def client_closed_response(request: werkzeug.Request) -> werkzeug.Response:
    """The response 499, for logs only: the client closed the connection before the answer was computed."""
    return respond(request, b"", "text/plain", code=499)


def _respond(request: werkzeug.Request, content: bytes, content_type: str, etag: str | None) -> werkzeug.Response:
    """Makes a response; without an `ETag` of what the answer depends on, the `ETag` is a hash of the content."""
    if etag is None:
        etag = hashlib.blake2b(content, digest_size=12).hexdigest()
        if etag in request.if_none_match:
            return unchanged_response(request, etag)
    headers, encoding = [_etag(etag)], None
    if content_type == SAFETENSORS:  # TensorBoard compresses texts by itself
        headers.append(("Vary", "Accept-Encoding"))
        gzipped = compressed(content) if "gzip" in request.headers.get("Accept-Encoding", "") else None
        if gzipped is not None:
            content, encoding = gzipped, "gzip"
    return respond(request, content, content_type, headers=headers, content_encoding=encoding)


def error_response(request: werkzeug.Request, error: Exception) -> werkzeug.Response:
    """The JSON response for an error. An error that is no ActiVisError is a bug: it is logged, and its message is not sent."""
    content, code = error_content(request.path, error)
    headers = [("Retry-After", str(RETRY_SECONDS))] if code == 503 else []
    return respond(request, content, JSON, code=code, headers=headers)


def error_content(asked: str, error: Exception) -> tuple[bytes, int]:
    """The body and the status of that response; `asked` is what could not be answered, for the log."""
    for cause, kind, code in _KINDS:
        if isinstance(error, cause):
            body: dict[str, object] = {"kind": kind, "message": str(error)}
            if isinstance(error, ExpressionError):
                body["position"] = error.position
            return encode_json({"error": body}), code
    logger.error("ActiVis could not answer %s\n%s", visible(asked), traceback_of(error))
    message = f"This should not happen ({type(error).__name__}). TensorBoard's log in the terminal has the details."
    return encode_json({"error": {"kind": "internal", "message": message}}), 500


def _etag(etag: str) -> tuple[str, str]:
    return "ETag", f'"{etag}"'
