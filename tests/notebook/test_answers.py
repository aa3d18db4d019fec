"""A notebook's requests: messages in, answers of the plugin's own application out, the kernel free meanwhile."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load

pytest.importorskip("anywidget", reason="the extra `notebook` is not installed")

from tensorboard_activis import open_run
from tensorboard_activis.notebook.answers import Answers
from tensorboard_activis.standalone.application import application
from tests.records import small_data, write_run


class Page:
    """Asks as the widget's front end does."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.sent: queue.Queue[tuple[dict[str, Any], list[bytes]]] = queue.Queue()

    def send(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        json.dumps(message)  # as the kernel does
        self.sent.put((message, buffers))

    def say(self, message: object) -> None:
        self._answers.receive(message, self.send)

    def ask(self, route: str, search: str = "", body: object = None) -> tuple[int, str, bytes]:
        text = None if body is None else json.dumps(body)
        method = "GET" if body is None else "POST"
        self.say({"id": route, "method": method, "route": route, "search": search, "body": text})
        assert self.sent.get(timeout=60) == ({"taken": route}, [])
        message, (content,) = self.sent.get(timeout=60)
        assert set(message) == {"id", "status", "type"}
        assert message["id"] == route
        return message["status"], message["type"], content


@pytest.fixture(scope="module")
def answers(logdir: Path) -> Answers:
    return Answers(application(logdir, reload_seconds=0.1, own_process=False))


@pytest.fixture
def page(answers: Answers) -> Page:
    return Page(answers)


def steps(page: Page) -> list[tuple[str, list[int]]]:
    status, _, content = page.ask("runs")
    assert status == 200
    return [(run["name"], [step["step"] for step in run["steps"]]) for run in json.loads(content)["runs"]]


def test_the_first_list_of_runs_has_the_run(logdir: Path) -> None:
    """The reader has hardly begun when the tab asks."""
    assert steps(Page(Answers(application(logdir, own_process=False)))) == [("run1", [5])]


def test_all_kinds_of_routes_are_answered(page: Page, logdir: Path) -> None:
    snapshot = open_run(logdir / "run1").latest
    layer = next(iter(snapshot.layers))
    assert steps(page) == [("run1", [5])]
    status, kind, content = page.ask("snapshot", "run=run1&step=5")
    assert (status, kind) == (200, "application/json")
    assert json.loads(content)["seen"] == 17
    status, kind, content = page.ask("activation", f"run=run1&step=5&layer={layer}&neuron=1")
    assert status == 200
    assert (load(content)["value"] == snapshot.activations(layer)[:, 1]).all()
    status, _, content = page.ask("where", body={"run": "run1", "step": 5, "expression": "not correct"})
    assert status == 200
    assert load(content)["indices"].tolist() == snapshot.where("not correct").nonzero()[0].tolist()
    status, kind, content = page.ask("index.js")
    assert (status, kind.partition(";")[0]) == (200, "text/javascript")
    assert b"render" in content


def test_errors_are_those_of_the_routes(page: Page) -> None:
    for route, search, status, kind in [
        ("snapshot", "run=run1&step=6", 404, "not_found"),
        ("where", "run=run1&step=5&expression=label+%3D", 400, "bad_request"),
        ("nothing", "", 404, "not_found"),
    ]:
        found, _, content = page.ask(route, search)
        assert (found, json.loads(content)["error"]["kind"]) == (status, kind)
    for route in ("../../../../etc/passwd", "static/../../plugin.py", "//etc/passwd"):
        assert page.ask(route)[0] >= 300


@pytest.mark.parametrize("message", [None, 5, "runs", [], {}, {"id": 1, "route": "runs"}, {"id": "a"}, {"cancel": "b"}])
def test_other_messages_are_dropped(page: Page, message: object) -> None:
    page.say(message)
    assert steps(page) == [("run1", [5])]
    assert page.sent.empty()


def test_a_run_that_grows_is_read_on(tmp_path: Path) -> None:
    write_run(tmp_path / "run1", small_data(), (5,))
    page = Page(Answers(application(tmp_path, reload_seconds=0.1, own_process=False)))
    assert steps(page) == [("run1", [5])]
    write_run(tmp_path / "run1", small_data(), (6,))
    assert any(steps(page) == [("run1", [5, 6])] for _ in range(3_000))


@pytest.fixture
def held() -> Iterator[tuple[Answers, threading.Event, list[str]]]:
    """Answers of an application that waits for an event, and the paths it was asked for."""
    go, asked = threading.Event(), list[str]()

    def routes(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        asked.append(environ["PATH_INFO"].rpartition("/")[2])
        go.wait(60)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"done"]

    yield Answers(routes), go, asked
    go.set()


def test_taking_a_message_waits_for_no_answer(held: tuple[Answers, threading.Event, list[str]]) -> None:
    answers, go, _ = held
    page = Page(answers)
    for i in range(20):
        page.say({"id": str(i), "route": str(i)})
    assert [page.sent.get(timeout=60)[0] for _ in range(20)] == [{"taken": str(i)} for i in range(20)]
    assert page.sent.empty()
    go.set()
    assert {page.sent.get(timeout=60)[0]["id"] for _ in range(20)} == {str(i) for i in range(20)}


def test_what_was_cancelled_before_it_began_is_not_asked(held: tuple[Answers, threading.Event, list[str]]) -> None:
    answers, go, asked = held
    page = Page(answers)
    for i in range(20):
        page.say({"id": str(i), "route": str(i)})
    for i in range(15, 20):
        page.say({"cancel": str(i)})
    go.set()
    done = {message["id"] for message, _ in (page.sent.get(timeout=60) for _ in range(35)) if "id" in message}
    assert done == {str(i) for i in range(15)}
    assert set(asked) == done


def test_an_application_that_fails_is_answered_for(page: Page) -> None:
    def fails(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise RuntimeError("no reason")

    broken = Page(Answers(fails))
    status, _, content = broken.ask("snapshot")
    assert status == 500
    assert json.loads(content)["error"]["kind"] == "internal"
    assert "no reason" in json.loads(content)["error"]["message"]


#: In a process of the user's, TensorBoard stays as it is for modules that are imported later.
LATER = """
import sys
from pathlib import Path
from tensorboard_activis.notebook.answers import answers_of  # noqa: E402
answers_of(Path(sys.argv[1]))
assert "tensorflow" not in sys.modules
from tensorboard.compat import tf2
assert tf2.__version__.startswith("2.")
"""


@pytest.mark.slow
def test_tensorflow_is_not_loaded_and_can_be_used_afterwards(logdir: Path) -> None:
    pytest.importorskip("tensorflow")
    subprocess.run([sys.executable, "-c", LATER, str(logdir)], check=True, capture_output=True)
