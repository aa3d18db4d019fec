"""Kinds of routes: parameters in, an answer or the one error body out; what the client has already is not sent again."""

import hashlib
from collections.abc import Callable, Sequence

import werkzeug
from tensorboard import plugin_util

import tensorboard_activis
from tensorboard_activis.query.limits import AbandonedError, time_limit
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve.connection import connection_closed
from tensorboard_activis.serve.cross_site import check_site
from tensorboard_activis.serve.event_source import Request
from tensorboard_activis.serve.parameters import Parameters, parameters
from tensorboard_activis.serve.places import Places
from tensorboard_activis.serve.responses import (
    answer_response,
    error_response,
    unchanged_response,
    unheard_response,
)
from tensorboard_activis.serve.runs import Runs

#: Seconds that one request may take; what takes longer belongs into a job.
TIME_LIMIT = 60.0

Application = Callable[..., object]


def route(answer: Callable[[werkzeug.Request, Request, Parameters], werkzeug.Response]) -> Application:
    """A route whose errors are the one error body."""

    @werkzeug.Request.application
    def app(request: werkzeug.Request) -> werkzeug.Response:
        try:
            check_site(request)
            given = parameters(request)
            of = Request(plugin_util.context(request.environ), plugin_util.experiment_id(request.environ))
            with time_limit(TIME_LIMIT, connection_closed(request.environ)):
                return answer(request, of, given)
        except AbandonedError:
            return unheard_response(request)
        except Exception as error:  # one bad request must not bring TensorBoard down
            return error_response(request, error)

    return app


class SnapshotRoutes:
    """Routes about one snapshot: what was answered once is known by the snapshot's digest.

    What has to be computed waits for a place; what the client has already does not.
    """

    def __init__(self, runs: Runs, places: Places) -> None:
        self._runs = runs
        self._places = places

    def snapshot(self, of: Request, given: Parameters) -> SnapshotReader:
        """The snapshot that a request is about. Raises NotFoundError, UnreadableError, QueryError."""
        return self._runs.snapshot(of, given.text("run"), given.integer("step"))

    def respond(
        self, answer: Callable[[werkzeug.Request, SnapshotReader, Parameters, str], werkzeug.Response]
    ) -> Application:
        """A route that makes its own response, given the name (`ETag`) of the answer."""

        def app(request: werkzeug.Request, of: Request, given: Parameters) -> werkzeug.Response:
            snapshot = self.snapshot(of, given)
            etag = etag_of(request, given, [snapshot])
            if etag in request.if_none_match:
                return unchanged_response(request, etag)
            with self._places.place():
                return answer(request, snapshot, given, etag)

        return route(app)

    def answer(self, question: Callable[[SnapshotReader, Parameters], object]) -> Application:
        """A route that answers with a dataclass of `query`."""
        return self.respond(
            lambda request, snapshot, given, etag: answer_response(request, question(snapshot, given), etag)
        )

    def answer_beside(
        self,
        others: Callable[[Request, Parameters], Sequence[SnapshotReader]],
        question: Callable[[SnapshotReader, Parameters, Sequence[SnapshotReader]], object],
    ) -> Application:
        """A route whose answer depends on other snapshots, too."""

        def app(request: werkzeug.Request, of: Request, given: Parameters) -> werkzeug.Response:
            snapshot, beside = self.snapshot(of, given), others(of, given)
            etag = etag_of(request, given, [snapshot, *beside])
            if etag in request.if_none_match:
                return unchanged_response(request, etag)
            with self._places.place():
                return answer_response(request, question(snapshot, given, beside), etag)

        return route(app)


def etag_of(request: werkzeug.Request, given: Parameters, snapshots: Sequence[SnapshotReader]) -> str:
    """Of what an answer depends on: the content of the snapshots, and what is asked about them."""
    parts = (tensorboard_activis.__version__, request.path, *(one.digest for one in snapshots), given.key)
    return hashlib.blake2b("\0".join(parts).encode(errors="replace"), digest_size=12).hexdigest()
