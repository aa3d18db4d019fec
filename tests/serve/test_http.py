"""The routes over HTTP: what a stranger on the network may send, and what a browser may make of the answers."""

import csv
import io
import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.query.instances.export import to_csv
from tensorboard_activis.serve.parameters import MAX_BODY
from tests.board import tensorboard
from tests.capture.test_recorder import recorder
from tests.records import small_data, write_run
from tests.serve.client import Client

BASE = "/data/plugin/activis/"
ROUTES: dict[str, dict[str, Any]] = {
    "runs": {},
    "graph": {"run": "run"},
    "snapshot": {"run": "run", "step": 3},
    "strips": {"run": "run", "step": 3},
    "matrix": {"run": "run", "step": 3, "layer": "head", "rows": [{"subset": "all"}]},
    "projection": {"run": "run", "step": 3, "layer": "head"},
    "columns": {"run": "run", "step": 3},
    "where": {"run": "run", "step": 3, "expression": "score > 0.5"},
    "table": {"run": "run", "step": 3},
    "export": {"run": "run", "step": 3},
    "content": {"run": "run", "step": 3, "index": 0},
    "instance": {"run": "run", "step": 3, "layer": "head", "index": 0},
    "neuron": {"run": "run", "step": 3, "layer": "head", "neuron": 0, "rows": [{"subset": "all"}]},
    "history": {"run": "run", "step": 3, "layer": "head", "neuron": 0, "rows": [{"subset": "all"}]},
}


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("logs")
    write_run(path / "shown" / "run", small_data())
    write_run(path / "secret", small_data())
    return path / "shown"


@pytest.fixture(scope="module")
def client(logdir: Path) -> Client:
    return Client(logdir)


UP = (
    "..",
    "../secret",
    "run/../../secret",
    "run/../../../etc",
    "..\\secret",
    "%2e%2e/secret",
    "/etc",
    "//etc",
    "~",
    "~root",
    "file:///etc",
    "run\0",
    "run/\0/../../secret",
    "ｒｕｎ",
    "run/.",
    "./run",
    "run//activis/../../../secret",
    "r" * 10_000,
    "\u202enur",
    "*",
    "run%00",
    "secret",
)


@pytest.mark.parametrize("name", UP)
def test_no_name_of_a_run_leads_out_of_the_log_directory(client: Client, name: str) -> None:
    for route, parameters in ROUTES.items():
        if "run" in parameters:
            status, error = client.error(route, **parameters | {"run": name})
            assert (status, error["kind"]) == (404, "not_found")
            assert "root:" not in error["message"]


@pytest.mark.parametrize(
    "path",
    [
        "../secret",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/etc/passwd",
        "....//....//etc/passwd",
        "static/../../plugin.py",
        "plugin.py",
        "__init__.py",
        ".built-from",
        "index.js%00.png",
        "index.js/../../plugin.py",
        "assets\\..\\..\\plugin.py",
        "//etc/passwd",
        "runs/../../../../etc/passwd",
    ],
)
def test_no_address_leads_out_of_the_front_end(client: Client, path: str) -> None:
    response = client.open(BASE + path)
    assert response.status_code == 404
    assert b"root:" not in response.get_data()
    assert b"import " not in response.get_data()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("route", ROUTES)
def test_other_methods_are_refused(client: Client, route: str, method: str) -> None:
    response = client.open(BASE + route, method=method)
    assert response.status_code == 400
    assert f"Only GET and POST are answered; got {method}" in json.loads(response.get_data())["error"]["message"]


def test_bodies_are_bounded(client: Client) -> None:
    response = client.open(BASE + "runs", method="POST", content_type="application/json", data=b" " * (MAX_BODY + 1))
    assert response.status_code == 413
    # What has no length may be of any: it is read up to the limit.
    endless = client.open(
        BASE + "runs",
        method="POST",
        content_type="application/json",
        environ_overrides={"wsgi.input": Endless(), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert endless.status_code in (400, 413)


class Endless:
    """A stream that never ends; more than can be meant is an error of the test."""

    def __init__(self) -> None:
        self._given = 0

    def read(self, size: int = -1) -> bytes:
        assert 0 <= size <= 1 << 20
        self._given += size
        assert self._given < 4 * MAX_BODY
        return b" " * size

    def readinto(self, buffer: bytearray) -> int:
        buffer[:] = self.read(len(buffer))
        return len(buffer)


@pytest.mark.parametrize("name", ["run", "step", "layer", "expression", "order", "format", "rows"])
def test_nothing_that_is_asked_for_becomes_a_header(client: Client, name: str) -> None:
    hostile = "x\r\nSet-Cookie: hurt=1\r\n\r\n<script>"
    for route, parameters in ROUTES.items():
        response = client.get(route, **{**parameters, name: hostile})
        assert "Set-Cookie" not in response.headers
        for header, value in response.headers:
            assert "hurt" not in header + value
            assert "\n" not in header + value


@pytest.mark.parametrize("route", ROUTES)
def test_browsers_are_told_to_believe_the_type(client: Client, route: str) -> None:
    for parameters in (ROUTES[route], ROUTES[route] | {"run": "<b>nowhere</b>", "step": "x"}):
        response = client.get(route, **parameters)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.content_type.split(";")[0] != "text/html"


def test_what_is_no_picture_is_not_sent_as_one(tmp_path: Path) -> None:
    """A text with markup is text; the same bytes in the place of a picture are refused."""
    data = small_data(4)
    log = recorder(tmp_path / "run", strict=True)
    with log.snapshot(1) as evaluation:
        evaluation.add(BatchRecord(data.activations, texts=["<script>alert(1)</script>"] * 4))
    log.close()
    response = Client(tmp_path).get("content", run="run", step=1, index=0)
    assert response.status_code == 200
    assert response.content_type.startswith("text/plain")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_becomes_a_formula(start: str) -> None:
    text = f"{start}cmd|'/c calc'!A0"
    table = pa.table(
        {text: [text], "many": [f"a,{text}"], "list": [[text]], "class": pa.array([text]).dictionary_encode()}
    )
    header, *rows = to_csv(table).replace("\r\n", "\n").split("\n", 1)
    for cell in (header.lstrip('"'), rows[0].lstrip('"')):
        assert cell.startswith("'")
    for row in csv.reader(io.StringIO(to_csv(table), newline="")):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


@pytest.mark.slow
def test_slow_clients_keep_nobody_waiting(logdir: Path) -> None:
    with tensorboard(f"--logdir={logdir}") as board:
        host, port = urlsplit(board).hostname, urlsplit(board).port
        slow = []
        for index in range(40):
            connection = socket.create_connection((host, port), timeout=120)
            body = (
                b"POST /data/plugin/activis/runs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 1000\r\n\r\n{"
            )
            connection.sendall(b"GET /data/plugin/activis/runs HT" if index % 2 else body)
            slow.append(connection)
        try:
            # A thread that waited for the slow ones would do so for as long as they last.
            with socket.create_connection((host, port), timeout=120) as quick:
                quick.sendall(b"GET /data/plugin/activis/runs HTTP/1.0\r\nHost: x\r\n\r\n")
                assert quick.recv(12).endswith(b"200")
        finally:
            for connection in slow:
                connection.close()
