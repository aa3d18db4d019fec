"""The route `findings`: at once where that is quick, else a job that is started, asked about and cancelled."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.query.findings import search
from tensorboard_activis.query.findings.finding import Finding
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve import findings
from tests.query.findings.logged import log
from tests.serve.client import Client

AT = {"run": "run", "step": 2}


@pytest.fixture
def client(tmp_path: Path) -> Client:
    values = np.random.default_rng(0).normal(size=(40, 8))
    log(tmp_path / "run", {1: {"head": values}, 2: {"head": values * [1, 1, 0, 1, 1, 1, 1, 1]}})
    return Client(tmp_path)


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Every search is a background job, which waits between two kinds until this is set."""
    monkeypatch.setattr(findings, "QUICK_VALUES", 0)
    event = threading.Event()

    def wait(snapshots: Sequence[SnapshotReader]) -> list[Finding]:
        while not event.wait(0.01):
            check_time()
        return []

    monkeypatch.setattr(search, "SEARCHES", {"dead": search.SEARCHES["dead"], "exploding": wait})
    return event


def until(client: Client, state: str) -> dict:
    deadline = time.monotonic() + 120
    while (answer := client.json("findings", **AT))["state"] != state:
        assert time.monotonic() < deadline, answer
        time.sleep(0.01)
    return answer


def test_at_once(client: Client) -> None:
    answer = client.json("findings", **AT)
    assert (answer["state"], answer["progress"], answer["notes"]) == ("done", 1, [])
    (found,) = answer["findings"]
    assert (found["kind"], found["layer"], found["neurons"], found["step"], found["p"]) == (
        "dead",
        "head",
        [2],
        2,
        None,
    )
    assert client.json("findings", run="run", step=1)["findings"] == []  # only what was known then


def test_a_job(client: Client, go: threading.Event) -> None:
    assert client.json("findings", **AT) == {"findings": [], "notes": [], "state": "not_started", "progress": 0}
    assert client.post("findings", action="start", **AT).status_code == 200
    deadline = time.monotonic() + 120
    while not (answer := until(client, "running"))["findings"]:  # those so far
        assert time.monotonic() < deadline
    assert 0 < answer["progress"] < 1
    go.set()
    assert until(client, "done") == answer | {"state": "done", "progress": 1}


def test_a_job_that_is_cancelled_stops(client: Client, go: threading.Event) -> None:
    client.post("findings", action="start", **AT)
    until(client, "running")
    client.post("findings", action="cancel", **AT)
    assert until(client, "cancelled")["progress"] < 1
    deadline = time.monotonic() + 120
    while client._plugin._findings._jobs._working:
        assert time.monotonic() < deadline, "the search goes on"
        time.sleep(0.01)


def test_a_page_cannot_start_it_by_a_get(client: Client) -> None:
    assert client.error("findings", action="start", **AT)[0] == 400
