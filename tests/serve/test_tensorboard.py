"""The plugin in a real TensorBoard process: found by its entry point, under both loaders, a path prefix, --logdir_spec."""

import gzip
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from email.message import Message
from importlib import metadata
from pathlib import Path

import pytest

from tests.board import tensorboard
from tests.records import small_data, write_run
from tests.serve.client import Client
from tests.serve.route_parameters import AT, ROUTE_PARAMETERS

#: More than TensorBoard keeps of a tag without being asked to.
STEPS = tuple(range(0, 60, 5))


@pytest.fixture
def logdir(tmp_path: Path) -> Path:
    write_run(tmp_path / "run1", small_data(), STEPS)
    write_run(tmp_path / "run2", small_data(seed=1), (7,))
    return tmp_path


def fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=120) as response:
        content: bytes = response.read()
        return content


def act(base: str, action: str, **parameters: object) -> None:
    """Starts or cancels a t-SNE."""
    body = json.dumps(parameters | {"method": "tsne", "action": action}).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(
        urllib.request.Request(f"{base}/data/plugin/activis/projection", body, headers), timeout=120
    ):
        pass


def runs_when_ready(base: str, count: int) -> dict:
    """The answer of `runs` once all steps were loaded; TensorBoard needs seconds to start and to read."""
    deadline = time.monotonic() + 180
    last: object = None
    while time.monotonic() < deadline:
        try:
            answer: dict = json.loads(fetch(f"{base}/data/plugin/activis/runs"))
            if sum(len(run["steps"]) for run in answer["runs"]) >= count:
                return answer
            last = answer
        except (urllib.error.URLError, ConnectionError) as error:
            last = error
        time.sleep(0.3)
    raise AssertionError(f"TensorBoard did not show {count} steps within three minutes; last: {last}")


def test_the_entry_point_is_the_loader() -> None:
    points = [point.value for point in metadata.entry_points(group="tensorboard_plugins") if point.name == "activis"]
    assert points == ["tensorboard_activis.serve.loader:ActiVisLoader"], "Install the checkout first: pip install -e ."


@pytest.mark.parametrize("load_fast", ["true", "false"])
def test_all_steps_behind_a_path_prefix(logdir: Path, load_fast: str) -> None:
    arguments = ("--logdir", str(logdir), f"--load_fast={load_fast}", "--path_prefix=/deep/er", "--reload_interval=1")
    with tensorboard(*arguments, tensorflow=True) as base:
        answer = runs_when_ready(base, len(STEPS) + 1)
        assert [run["name"] for run in answer["runs"]] == ["run1", "run2"]
        assert [step["step"] for step in answer["runs"][0]["steps"]] == list(STEPS)
        assert all(not run["problems"] for run in answer["runs"])
        plugins = json.loads(fetch(f"{base}/data/plugins_listing"))
        assert plugins["activis"]["enabled"] is True
        assert plugins["activis"]["tab_name"] == "ActiVis"
        assert b"render" in fetch(f"{base}/data/plugin/activis/index.js")
        snapshot = json.loads(fetch(f"{base}/data/plugin/activis/snapshot?run=run1&step={STEPS[-1]}"))
        assert snapshot["problems"] == []
        write_run(logdir / "grown", small_data(seed=2), (1,))
        grown = runs_when_ready(base, len(STEPS) + 2)
        assert "grown" in [run["name"] for run in grown["runs"]]


def test_logdir_spec(logdir: Path) -> None:
    spec = f"a:{logdir / 'run1'},b:{logdir / 'run2'}"
    with tensorboard("--logdir_spec", spec, "--reload_interval=1") as base:
        answer = runs_when_ready(base, len(STEPS) + 1)
        assert [run["name"] for run in answer["runs"]] == ["a", "b"]
        assert json.loads(fetch(f"{base}/data/plugin/activis/snapshot?run=b&step=7"))["problems"] == []


def ask(
    base: str, route: str, headers: dict[str, str] | None = None, **parameters: object
) -> tuple[int, bytes, Message]:
    """Status, body and headers of an answer; lists and objects go as JSON, as the tab sends them."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
    address = f"{base}/data/plugin/activis/{route}?{urllib.parse.urlencode(texts)}"
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers or {}), timeout=120) as response:
            return response.status, response.read(), response.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


def test_every_route(tmp_path: Path) -> None:
    """Over a socket, from the fast data server: the same bytes as through the application alone."""
    write_run(tmp_path / "run1", small_data(), (3, 5))
    alone = Client(tmp_path)
    assert set(ROUTE_PARAMETERS) == alone.routes()
    with tensorboard("--logdir", str(tmp_path), "--reload_interval=1") as base:
        runs_when_ready(base, 2)
        for route, question in ROUTE_PARAMETERS.items():
            status, content, headers = ask(base, route, **question)
            assert (status, content) == (200, alone.get(route, **question).get_data()), route
            assert headers["X-Content-Type-Options"] == "nosniff"
            name = headers["ETag"]
            assert ask(base, route, {"If-None-Match": name}, **question)[:2] == (304, b"")
        status, content, _ = ask(base, "matrix", **AT, layer="gone", rows=[])
        assert (status, json.loads(content)["error"]["kind"]) == (400, "bad_request")
        assert ask(base, "content", **AT, id="nobody")[0] == 404
        assert ask(base, "nothing")[0] == 404
        body = json.dumps(ROUTE_PARAMETERS["matrix"]).encode()
        posted = urllib.request.Request(
            f"{base}/data/plugin/activis/matrix", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(posted, timeout=120) as response:
            assert response.read() == alone.get("matrix", **ROUTE_PARAMETERS["matrix"]).get_data()
        packed = ask(base, "snapshot", {"Accept-Encoding": "gzip"}, **AT)
        assert packed[2]["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed[1]) == alone.get("snapshot", **AT).get_data()


def test_pages_answer_while_a_layout_is_computed(tmp_path: Path) -> None:
    pytest.importorskip("openTSNE", reason="pip install openTSNE")
    write_run(tmp_path / "run1", small_data(2_000), (5,), sample=None, batch=500)
    with tensorboard("--logdir", str(tmp_path), "--reload_interval=1") as base:
        runs_when_ready(base, 1)
        states = []
        act(base, "start", **AT, layer="stem/relu")
        for _ in range(6):
            content = ask(base, "projection", **AT, layer="stem/relu", method="tsne")[1]
            length = int.from_bytes(content[:8], "little")
            states.append(json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["json"])["state"])
            assert ask(base, "matrix", **ROUTE_PARAMETERS["matrix"])[0] == 200
            assert b"<title>TensorBoard</title>" in fetch(f"{base}/")
            assert json.loads(fetch(f"{base}/data/plugins_listing"))["activis"]["enabled"]
        assert set(states) <= {"queued", "running", "done"}
        assert "running" in states
        act(base, "cancel", **AT, layer="stem/relu")
