"""A request whose client has gone ends: it costs nothing from then on."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import werkzeug
import werkzeug.serving

from tensorboard_activis.query.limits import AbandonedError, check_time
from tensorboard_activis.serve.connection import connection_closed
from tensorboard_activis.serve.event_source import RequestScope
from tensorboard_activis.serve.parameters import Parameters
from tensorboard_activis.serve.responses import bytes_response
from tensorboard_activis.serve.routes import Application, route

pytestmark = pytest.mark.skipif(not hasattr(socket, "MSG_DONTWAIT"), reason="the system cannot look without waiting")


def test_a_connection_is_looked_at_and_nothing_is_taken_from_it() -> None:
    server, client = socket.socketpair()
    with server, client:
        look = connection_closed({"werkzeug.socket": server})
        assert not look()
        client.sendall(b"next")
        assert not look()
        assert server.recv(10) == b"next"
        client.close()
        assert look()
        server.close()
        assert look()


def test_where_nothing_can_be_known_the_client_waits() -> None:
    server, client = socket.socketpair()
    with server:
        server.settimeout(60)
        client.close()
        for environ in ({}, {"werkzeug.socket": object()}, {"werkzeug.socket": server}):
            begun = time.monotonic()
            assert not connection_closed(environ)()
            assert time.monotonic() - begun < 40


class Work:
    """A route that goes on until it is told to stop, or nobody waits."""

    def __init__(self) -> None:
        self.begun, self.abandoned, self.stop = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, request: werkzeug.Request, of: RequestScope, given: Parameters) -> werkzeug.Response:
        self.begun.set()
        try:
            while not self.stop.wait(0.01):
                check_time()
        except AbandonedError:
            self.abandoned.set()
            raise
        return bytes_response(request, '"done"', "application/json")


@contextmanager
def served(app: Application) -> Iterator[int]:
    """The port of a server of the kind that TensorBoard is."""
    server = werkzeug.serving.make_server("localhost", 0, app, threaded=True)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask(port: int) -> socket.socket:
    client = socket.create_connection(("localhost", port))
    client.sendall(b"GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return client


def test_a_request_ends_when_its_client_closes_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    work = Work()
    with served(route(work)) as port:
        client = ask(port)
        assert work.begun.wait(120)
        client.close()
        assert work.abandoned.wait(120)
    assert [record for record in caplog.records if record.name.startswith("tensorboard_activis")] == []


def test_a_request_goes_on_while_its_client_waits() -> None:
    work = Work()
    with served(route(work)) as port, ask(port) as client:
        assert work.begun.wait(120)
        assert not work.abandoned.wait(0.5)
        work.stop.set()
        answer = b""
        while piece := client.recv(4096):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b'"done"')
