"""The documentation that is installed with the plugin: its pages, by which rules they run, and nothing else of the disk."""

import os
import socket
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from tensorboard_activis.notebook.answers import answers_of
from tensorboard_activis.serve import static_files
from tensorboard_activis.standalone.application import application
from tensorboard_activis.standalone.command import Quiet
from tests.board import serving
from tests.records import small_data, write_run
from tests.serve.client import Client

PAGES = {
    "index.html": "text/html; charset=utf-8",
    "learn/why_not.html": "text/html; charset=utf-8",
    "_static/scripts/furo.js": "text/javascript; charset=utf-8",
    "_static/styles/furo.css": "text/css; charset=utf-8",
    "_images/demo-light.png": "image/png",
    "_downloads/0/activis.proto": "text/plain; charset=utf-8",
    "NOTICES.txt": "text/plain; charset=utf-8",
}


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "docs"
    for name in (*PAGES, "conf.py", ".buildinfo", "objects.inv"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"this is {name}")
    (tmp_path / "secret.html").write_text("secret")
    (tmp_path / "docs-more").mkdir()
    (tmp_path / "docs-more" / "secret.html").write_text("secret")
    (root / "link.html").symlink_to(tmp_path / "secret.html")
    (root / "linked").symlink_to(tmp_path / "docs-more")
    os.mkfifo(root / "pipe.html")
    monkeypatch.setattr(static_files, "DOCS", root)
    return root


@pytest.fixture
def logdir(tmp_path: Path) -> Path:
    write_run(tmp_path / "logs" / "run1", small_data(), (5,))
    return tmp_path / "logs"


def test_pages_and_what_they_load(docs: Path, logdir: Path) -> None:
    client = Client(logdir, prefix="/deep/er")
    assert client.json("runs")["docs"] is True
    for name, kind in PAGES.items():
        response = client.get(f"docs/{name}")
        assert (response.status_code, response.get_data(as_text=True)) == (200, f"this is {name}")
        assert response.headers["Content-Type"] == kind
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        again = client.get(f"docs/{name}", {"If-None-Match": response.headers["ETag"]})
        assert (again.status_code, again.get_data()) == (304, b"")


def test_a_page_runs_no_script_that_is_written_in_it_or_comes_from_elsewhere(docs: Path, logdir: Path) -> None:
    policy = Client(logdir).get("docs/index.html").headers["Content-Security-Policy"]
    rules = {name: set(sources) for name, *sources in (rule.split() for rule in policy.split(";"))}
    assert rules["default-src"] == {"'self'"}
    assert rules["object-src"] == {"'none'"}
    assert rules["script-src"] <= {"'self'", "'unsafe-eval'"}


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/",
        "learn",
        "learn/",
        "/index.html",
        "//index.html",
        "./index.html",
        "learn//why_not.html",
        "learn/../index.html",
        "../secret.html",
        "learn/../../secret.html",
        "../docs-more/secret.html",
        "../static/index.js",
        "../plugin.py",
        "..\\secret.html",
        "%2e%2e/secret.html",
        "%2e%2e%2fsecret.html",
        "%252e%252e%252fsecret.html",
        "..%2fsecret.html",
        "..%5csecret.html",
        "..;/secret.html",
        "....//secret.html",
        "%c0%ae%c0%ae/secret.html",
        "index.html%00",
        "index.html%00.png",
        "index.html/",
        "index.html%20",
        "index.html%0a",
        "index.html%3Fx",
        "INDEX.HTML/..",
        "C:/index.html",
        "file:///etc/passwd",
        "/etc/passwd",
        "~/index.html",
        "link.html",
        "linked/secret.html",
        "pipe.html",
        "conf.py",
        ".buildinfo",
        "objects.inv",
        "missing.html",
        "ｉndex.html",
        "a" * 5000 + ".html",
        "a/" * 3000 + "b.html",
    ],
)
def test_nothing_else_is_answered(docs: Path, logdir: Path, name: str) -> None:
    response = Client(logdir).get(f"docs/{name}")
    assert response.status_code in (308, 404), name
    assert b"secret" not in response.get_data() or b"There is nothing at" in response.get_data()
    assert b"this is" not in response.get_data()


def test_a_server_of_its_own_answers_them_too(docs: Path, logdir: Path) -> None:
    """Over a socket, where no client makes an address harmless first."""
    server = make_server("localhost", 0, application(logdir), threaded=True, request_handler=Quiet)
    with serving(server):
        for path, found in (
            ("index.html", True),
            ("../../../../docs-more/secret.html", False),
            ("../secret.html", False),
        ):
            with socket.create_connection(("localhost", server.server_port), timeout=60) as connection:
                host = f"Host: localhost:{server.server_port}\r\nConnection: close\r\n\r\n"
                connection.sendall(f"GET /data/plugin/activis/docs/{path} HTTP/1.1\r\n{host}".encode())
                content = b"".join(iter(lambda: connection.recv(1 << 16), b""))
            assert content.startswith(b"HTTP/1.1 200" if found else b"HTTP/1.1 404"), path
            assert (b"this is index.html" in content) == found
            assert not content.endswith(b"secret")


def test_a_checkout_without_them_says_so(tmp_path: Path, logdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static_files, "DOCS", tmp_path / "never-built")
    client = Client(logdir)
    assert client.json("runs")["docs"] is False
    assert client.get("docs/index.html").status_code == 404


def test_a_notebook_has_none(docs: Path, logdir: Path) -> None:
    """Its tab lives in a frame without a server: there is nothing that a browser could open."""
    sent: list[tuple[dict, list[bytes]]] = []
    answers = answers_of(logdir)
    answers._answer({"id": "1", "route": "runs"}, lambda *message: sent.append(message))
    assert b'"docs":false' in sent[0][1][0]
