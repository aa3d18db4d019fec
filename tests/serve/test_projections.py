"""t-SNE through the routes: kept on disk over restarts, begun from the step before, bounded, cancelled."""

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.errors import UnreadableError
from tests.records import small_data, write_run
from tests.serve.client import Client, decoded
from tests.serve.route_parameters import refused

pytest.importorskip("openTSNE", reason="pip install openTSNE")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TENSORBOARD_ACTIVIS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def laid_out(client: Client, step: int, layer: str = "head") -> tuple[np.ndarray, list[str]]:
    """The finished layout, and the states on the way."""
    states: list[str] = []
    client.action("start", run="run1", step=step, layer=layer)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        tensors, metadata = client.numbers("projection", run="run1", step=step, layer=layer, method="tsne")
        states.append(metadata["state"])
        if metadata["state"] == "done":
            return tensors["xy"], states
        time.sleep(0.02)
    raise AssertionError(f"not done after two minutes: {states[-1]}")


def test_a_layout_outlives_the_server(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "logs" / "run1", small_data(60), (5,))
    xy, _ = laid_out(Client(tmp_path / "logs"), 5)
    assert [path.suffix for path in cache.iterdir()] == [".npy"]

    def never(*_: object, **__: object) -> None:
        raise AssertionError("it was computed again")

    monkeypatch.setattr("tensorboard_activis.query.projection.continuity.tsne", never)
    again, _ = laid_out(Client(tmp_path / "logs"), 5)
    np.testing.assert_array_equal(again, xy)
    assert not any("npy" in path.name for path in (tmp_path / "logs").rglob("*"))


def test_without_a_cache_directory_it_is_computed_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TENSORBOARD_ACTIVIS_CACHE", str(tmp_path / "file" / "below"))
    write_run(tmp_path / "logs" / "run1", small_data(40), (5,))
    assert laid_out(Client(tmp_path / "logs"), 5)[0].shape == (40, 2)


def test_a_step_begins_where_the_one_before_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data(60)
    moved = {name: values + 0.01 * np.sin(values) for name, values in data.activations.items()}
    write_run(tmp_path / "run1", data, (5,))
    write_run(tmp_path / "run1", replace(data, activations=moved), (6,))
    client = Client(tmp_path)
    before, _ = laid_out(client, 5)
    begun: list[np.ndarray] = []

    def tsne(activations: np.ndarray, initial: np.ndarray, report: object) -> np.ndarray:
        begun.append(initial)
        return np.zeros((len(activations), 2), np.float32)

    monkeypatch.setattr("tensorboard_activis.query.projection.continuity.tsne", tsne)
    laid_out(client, 6)
    np.testing.assert_array_equal(begun[0], before)


def test_two_runs_lie_on_each_other(tmp_path: Path, cache: Path) -> None:
    data = small_data(40)
    write_run(tmp_path / "logs" / "run1", data, (5,))
    write_run(tmp_path / "logs" / "run2", data, (5,))
    client = Client(tmp_path / "logs")
    xy, _ = laid_out(client, 5)
    question: dict = {"run": "run2", "step": 5, "layer": "head", "method": "tsne"}
    client.post("projection", action="start", **question)
    deadline = time.monotonic() + 60
    while True:
        tensors, metadata = client.numbers("projection", **question, like={"run": "run1", "step": 5})
        if metadata["state"] == "done" or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    assert (metadata["state"], metadata["aligned"]) == ("done", 40)
    np.testing.assert_allclose(tensors["xy"], xy, atol=1e-3)  # the same activations: the kept layout, not turned at all


def test_only_a_post_starts_or_cancels_a_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "run1", small_data(), (5,))
    client = Client(tmp_path)
    begun: list[int] = []

    def tsne(activations: np.ndarray, initial: np.ndarray, report) -> np.ndarray:
        begun.append(len(activations))
        while report(0.1, initial):
            time.sleep(0.01)
        return initial

    monkeypatch.setattr("tensorboard_activis.query.projection.continuity.tsne", tsne)
    question: dict = {"run": "run1", "step": 5, "layer": "head", "method": "tsne"}
    principal, _ = client.numbers("projection", **question | {"method": "pca"})
    for _ in range(2):
        tensors, metadata = client.numbers("projection", **question)
        assert (metadata["state"], metadata["progress"]) == ("not_started", 0)
        np.testing.assert_array_equal(tensors["xy"], principal["xy"])
    # A POST that only asks starts nothing either.
    assert decoded(client.post("projection", **question))[1]["state"] == "not_started"
    for action in ("start", "cancel"):
        error = refused(client.get("projection", action=action, **question), 400, "bad_request")
        assert error["message"] == f"The action {action} needs a POST with a JSON body."
    refused(client.post("projection", action="delete", **question), 400, "bad_request")
    assert begun == []

    client.action("start", run="run1", step=5, layer="head")
    deadline = time.monotonic() + 60
    while not begun and time.monotonic() < deadline:
        time.sleep(0.01)
    refused(client.get("projection", action="cancel", **question), 400, "bad_request")
    assert client.numbers("projection", **question)[1]["state"] == "running"
    assert client.action("cancel", run="run1", step=5, layer="head")[1]["state"] == "cancelled"
    assert client.numbers("projection", **question)[1]["state"] == "cancelled"
    assert begun == [17]


def test_too_many_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "run1", small_data(), tuple(range(1, 12)))
    client = Client(tmp_path)

    def tsne(activations: np.ndarray, initial: np.ndarray, report) -> np.ndarray:
        while report(0.1, initial):
            time.sleep(0.01)
        return initial

    monkeypatch.setattr("tensorboard_activis.query.projection.continuity.tsne", tsne)
    question: dict = {"run": "run1", "layer": "head", "method": "tsne"}
    responses = [client.post("projection", step=step, action="start", **question) for step in range(1, 12)]
    assert [response.status_code for response in responses].count(413) >= 1
    error = refused(client.post("projection", step=11, action="start", **question), 413, "too_large")
    assert "8 computations of this kind are already waiting" in error["message"]
    for step in range(1, 12):
        assert client.post("projection", step=step, action="cancel", **question).status_code == 200


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (UnreadableError("the file is missing"), 422, "the file is missing"),
        (ValueError("odd"), 400, "t-SNE failed: ValueError: odd"),
    ],
)
def test_a_layout_that_fails_says_what_it_met_and_can_be_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, said: str
) -> None:
    write_run(tmp_path / "run1", small_data(), (5,))
    client = Client(tmp_path)

    def fail(*_: object) -> np.ndarray:
        raise error

    monkeypatch.setattr("tensorboard_activis.query.projection.continuity.tsne", fail)
    question: dict = {"run": "run1", "step": 5, "layer": "head", "method": "tsne"}
    client.post("projection", action="start", **question)
    deadline = time.monotonic() + 60
    while (response := client.get("projection", **question)).status_code == 200 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert response.status_code == status
    assert json.loads(response.get_data())["error"]["message"] == said
    monkeypatch.undo()
    assert laid_out(client, 5)[0].shape == (17, 2)
