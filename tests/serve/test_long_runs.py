"""Runs of many steps: a question looks at few of them, or keeps what it needs of each."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_info

from tensorboard_activis import codec
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve import event_source
from tests.records import small_data, write_run
from tests.serve.client import Client
from tests.serve.route_parameters import ROUTE_PARAMETERS, ask

STEPS = tuple(range(100, 140))
ROWS = [{"subset": "all"}, {"subset": "bee"}]


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A run of 40 steps, of which the server keeps no record."""
    monkeypatch.setattr(event_source, "_RECORD_BYTES", 1)
    first = small_data()
    for step in STEPS:
        changed = small_data(seed=step)
        write_run(tmp_path / "run1", replace(changed, ids=first.ids, labels=first.labels), (step,))
    client = Client(tmp_path)
    assert client.json("runs")["runs"]
    return client


@pytest.fixture
def decoded_snapshots(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps whose records are decoded from now on."""
    steps: list[int] = []
    decode = codec.decode_snapshot

    def counted(blob: bytes):
        record = decode(blob)
        steps.append(record.step)
        return record

    monkeypatch.setattr(codec, "decode_snapshot", counted)
    return steps


def test_a_projection_decodes_few_of_the_steps(client: Client, decoded_snapshots: list[int]) -> None:
    client.numbers("projection", run="run1", step=STEPS[-1], layer="head")
    assert 1 <= len(set(decoded_snapshots)) <= 26


def test_a_history_decodes_each_step_once_for_all_neurons(client: Client, decoded_snapshots: list[int]) -> None:
    question = {"run": "run1", "step": STEPS[-1], "layer": "stem/relu", "rows": ROWS}
    one, _ = client.numbers("history", **question, neuron=1)
    assert len(decoded_snapshots) == len(set(decoded_snapshots))
    assert {*decoded_snapshots, STEPS[-1]} == set(STEPS)
    decoded_snapshots.clear()
    other, _ = client.numbers("history", **question, neuron=4)
    assert decoded_snapshots in ([], [STEPS[-1]])
    for step, of_one, of_other in zip(STEPS, one["values"], other["values"], strict=True):
        values = small_data(seed=step).activations["stem/relu"]
        bee = small_data().labels == 1
        np.testing.assert_allclose(of_one[:, 0], [values[:, 1].mean(), values[bee, 1].mean()], rtol=1e-5)
        np.testing.assert_allclose(of_other[:, 0], [values[:, 4].mean(), values[bee, 4].mean()], rtol=1e-5)


@pytest.mark.parametrize("route", sorted(ROUTE_PARAMETERS))
def test_no_threads_of_blas_run_beside_those_of_queries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    write_run(tmp_path / "run1", small_data(), (5,))
    client = Client(tmp_path)
    seen: list[int] = []
    activations = SnapshotReader.activations

    def watched(self: SnapshotReader, layer: str) -> np.ndarray:
        seen.extend(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")
        return activations(self, layer)

    monkeypatch.setattr(SnapshotReader, "activations", watched)
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        ask(client, route)
    assert set(seen) <= {1}
    if route in ("projection", "neuron", "activation", "findings", "separation"):
        assert seen
