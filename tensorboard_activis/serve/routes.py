"""Wraps functions as HTTP routes: parsing of parameters, time limits, `ETag` and 304, and the JSON response for errors."""

import hashlib
from collections.abc import Callable, Sequence

import werkzeug
from tensorboard import plugin_util

import tensorboard_activis
from tensorboard_activis.query.limits import AbandonedError, time_limit
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve.connection import connection_closed
from tensorboard_activis.serve.cross_site import check_site
from tensorboard_activis.serve.event_source import RequestScope
from tensorboard_activis.serve.parameters import Parameters, parse_parameters
from tensorboard_activis.serve.request_slots import RequestSlots
from tensorboard_activis.serve.responses import (
    answer_response,
    client_closed_response,
    error_response,
    unchanged_response,
)
from tensorboard_activis.serve.runs import Runs

#: Seconds that one request may take; longer computations belong into a job.
TIME_LIMIT = 60.0

Application = Callable[..., object]


def route(answer: Callable[[werkzeug.Request, RequestScope, Parameters], werkzeug.Response]) -> Application:
    """Makes a WSGI application of a function that answers a request; errors become JSON responses."""

    @werkzeug.Request.application
    def app(request: werkzeug.Request) -> werkzeug.Response:
        try:
            check_site(request)
            arguments = parse_parameters(request)
            scope = RequestScope(plugin_util.context(request.environ), plugin_util.experiment_id(request.environ))
            with time_limit(TIME_LIMIT, connection_closed(request.environ)):
                return answer(request, scope, arguments)
        except AbandonedError:
            return client_closed_response(request)
        except Exception as error:  # one bad request must not bring TensorBoard down
            return error_response(request, error)

    return app


class SnapshotRoutes:
    """Makes routes about one snapshot, whose answers have an `ETag` of the snapshot's digest and the parameters.

    Answers that are computed wait for a slot; a 304 does not.
    """

    def __init__(self, runs: Runs, slots: RequestSlots) -> None:
        self._runs = runs
        self._slots = slots

    def snapshot(self, scope: RequestScope, parameters: Parameters) -> SnapshotReader:
        """The snapshot that the parameters `run` and `step` name. Raises NotFoundError, UnreadableError, QueryError."""
        return self._runs.snapshot(scope, parameters.string("run"), parameters.integer("step"))

    def respond(
        self, answer: Callable[[werkzeug.Request, SnapshotReader, Parameters, str], werkzeug.Response]
    ) -> Application:
        """A route that makes its own response, given the `ETag` of the answer."""

        def app(request: werkzeug.Request, scope: RequestScope, parameters: Parameters) -> werkzeug.Response:
            snapshot = self.snapshot(scope, parameters)
            etag = etag_of(request, parameters, [snapshot.digest])
            if etag in request.if_none_match:
                return unchanged_response(request, etag)
            with self._slots:
                return answer(request, snapshot, parameters, etag)

        return route(app)

    def answer(self, query: Callable[[SnapshotReader, Parameters], object]) -> Application:
        """A route that answers with a dataclass of `query`."""
        return self.respond(
            lambda request, snapshot, parameters, etag: answer_response(request, query(snapshot, parameters), etag)
        )

    def answer_with_others(
        self,
        others: Callable[[RequestScope, SnapshotReader, Parameters], Sequence[SnapshotReader]],
        query: Callable[[SnapshotReader, Parameters, Sequence[SnapshotReader]], object],
    ) -> Application:
        """A route whose answer depends on further snapshots, which `others` returns."""

        def app(request: werkzeug.Request, scope: RequestScope, parameters: Parameters) -> werkzeug.Response:
            snapshot = self.snapshot(scope, parameters)
            other_snapshots = others(scope, snapshot, parameters)
            etag = etag_of(request, parameters, [one.digest for one in (snapshot, *other_snapshots)])
            if etag in request.if_none_match:
                return unchanged_response(request, etag)
            with self._slots:
                return answer_response(request, query(snapshot, parameters, other_snapshots), etag)

        return route(app)


def etag_of(request: werkzeug.Request, parameters: Parameters, digests: Sequence[str]) -> str:
    """The `ETag` of an answer: a hash of version, route, parameters, and the digests of what it was made of."""
    parts = (tensorboard_activis.__version__, request.path, *digests)
    names = "\0".join(parts).encode(errors="replace")
    return hashlib.blake2b(names + b"\0" + parameters.key, digest_size=12).hexdigest()
