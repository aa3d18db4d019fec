"""The plugin in a real TensorBoard process: found by its entry point, under both loaders, a path prefix, --logdir_spec."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import pytest

from tests.records import small_data, write_run

#: More than TensorBoard keeps of a tag without being asked to.
STEPS = tuple(range(0, 60, 5))


@pytest.fixture
def logdir(tmp_path: Path) -> Path:
    write_run(tmp_path / "run1", small_data(), STEPS)
    write_run(tmp_path / "run2", small_data(seed=1), (7,))
    return tmp_path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def tensorboard(*arguments: str, prefix: str = "") -> Iterator[str]:
    """The address of a TensorBoard with these arguments."""
    port = free_port()
    command = [sys.executable, "-m", "tensorboard.main", "--port", str(port), "--host", "127.0.0.1", *arguments]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
    try:
        yield f"http://127.0.0.1:{port}{prefix}"
    finally:
        process.terminate()
        process.communicate(timeout=30)


def fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=10) as response:
        content: bytes = response.read()
        return content


def runs_when_ready(base: str, count: int) -> dict:
    """The answer of `runs` once all steps were loaded; TensorBoard needs seconds to start and to read."""
    deadline = time.monotonic() + 60
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
    raise AssertionError(f"TensorBoard did not show {count} steps within a minute; last: {last}")


def test_the_entry_point_is_the_loader() -> None:
    points = [point.value for point in metadata.entry_points(group="tensorboard_plugins") if point.name == "activis"]
    assert points == ["tensorboard_activis.serve.loader:ActiVisLoader"], "Install the checkout first: pip install -e ."


@pytest.mark.parametrize("load_fast", ["true", "false"])
def test_all_steps_behind_a_path_prefix(logdir: Path, load_fast: str) -> None:
    arguments = ("--logdir", str(logdir), f"--load_fast={load_fast}", "--path_prefix=/deep/er", "--reload_interval=1")
    with tensorboard(*arguments, prefix="/deep/er") as base:
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
