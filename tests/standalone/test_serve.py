"""`tensorboard-activis serve`: the tab alone, from this machine only unless it is told otherwise."""

import json
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tensorboard_activis import cli
from tensorboard_activis.standalone.application import application
from tests.records import small_data, write_run


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(logdir: Path, *options: str) -> Iterator[tuple[str, str]]:
    """The address that `serve` prints, and all that it prints."""
    command = [
        sys.executable,
        "-m",
        "tensorboard_activis.cli",
        "serve",
        str(logdir),
        "--port",
        str(free_port()),
        *options,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = ""
        while not (found := re.search(r"http://\S+", said)):
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            said += line
        yield found[0], said
    finally:
        process.send_signal(2)  # as Ctrl-C does
        more, complaints = process.communicate(timeout=60)
        assert (process.returncode, more, complaints) == (0, "", "")


def read(address: str) -> tuple[int, str, dict[str, str]]:
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), dict(error.headers)


@pytest.fixture
def logdir(tmp_path: Path) -> Path:
    write_run(tmp_path / "logs" / "run1", small_data(), (5,))
    return tmp_path / "logs"


def test_the_page_and_the_routes_are_there(logdir: Path) -> None:
    with serving(logdir) as (address, said):
        assert said.count("\n") == 1
        status, page, headers = read(address)
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "./data/plugin/activis/index.js" in page
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        status, script, _ = read(f"{address}data/plugin/activis/index.js")
        assert status == 200
        assert "render" in script
        for _ in range(600):
            runs = json.loads(read(f"{address}data/plugin/activis/runs")[1])["runs"]
            if runs:
                break
        assert [(run["name"], [step["step"] for step in run["steps"]]) for run in runs] == [("run1", [5])]
        assert read(f"{address}data/plugin/activis/snapshot?run=run1&step=5")[0] == 200
        for path in ("data/plugin/scalars/tags", "data/logdir", "index.js", "../etc/passwd"):
            assert read(address + path)[0] == 404, path


def test_on_the_loopback_only_names_of_this_machine_are_answered(logdir: Path) -> None:
    app = application(logdir)

    def status(host: str, path: str) -> str:
        found: list[str] = []
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "HTTP_HOST": host}
        environ |= {"SERVER_NAME": "localhost", "SERVER_PORT": "80", "wsgi.url_scheme": "http"}
        b"".join(app(environ, lambda status, headers, *_: found.append(status[:3])))
        return found[0]

    for path in ("/", "/data/plugin/activis/runs"):
        for host in ("localhost:6006", "127.0.0.1", "127.0.0.2:80", "[::1]:6006", "LOCALHOST"):
            assert status(host, path) == "200", host
        for host in ("evil.example", "localhost.evil.example:6006", "127.0.0.1.evil.example", "10.0.0.1", ""):
            assert status(host, path) == "403", host


def test_tensorflow_is_not_loaded(logdir: Path) -> None:
    code = "import sys; from pathlib import Path; from tensorboard_activis.standalone.application import application; "
    code += "application(Path(sys.argv[1])); assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, str(logdir)], check=True)


def test_who_can_read_it_is_said_where_it_is_not_this_machine_alone(logdir: Path) -> None:
    with serving(logdir, "--host", "0.0.0.0") as (address, said):
        assert read(address.replace("0.0.0.0", "127.0.0.1"))[0] == 200
    assert "can read what is logged below" in said
    assert "no password" in said


def test_new_snapshots_are_found(logdir: Path) -> None:
    app = application(logdir, reload_seconds=0.2)

    def steps() -> list[int]:
        found: list[str] = []
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/data/plugin/activis/runs",
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
        }
        body = b"".join(app(environ, lambda status, headers, *_: found.append(status)))
        assert found == ["200 OK"]
        return [step["step"] for run in json.loads(body)["runs"] for step in run["steps"]]

    for expected in ([5], [5, 6]):
        for _ in range(3_000):
            if steps() == expected:
                break
        assert steps() == expected
        if expected == [5]:
            write_run(logdir / "run1", small_data(), (6,))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing"], "there is no directory 'missing'"),
        ([".", "--host", "no such host"], "'no such host' is no address of this machine"),
    ],
)
def test_what_cannot_be_served_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["serve", *arguments]) == 1
    assert message in capsys.readouterr().err
