"""How the blocks of a data set are read: all of them, and Ray's loop rests while nobody waits for one."""

import pickle
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
import ray
import ray.data
from ray.data._internal.execution.execution_callback import ExecutionCallback

from tensorboard_activis.capture.ray import bundles as module
from tensorboard_activis.capture.ray.bundles import Rest, bundles
from tensorboard_activis.capture.ray.parts import in_order


def test_the_loop_rests_while_no_block_is_wanted(
    cluster: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The pause is longer than a test: the data would not come if the loop rested while a block is wanted."""
    monkeypatch.setattr(module, "PAUSE", 3600)
    rested, wanted_again = Event(), tmp_path / "wanted"

    def step(self: Rest, executor: Any, before: Any = Rest.on_execution_step) -> None:
        if not self.wanted.is_set():
            rested.set()
        before(self, executor)

    def slow(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        while rows["id"][0] and not wanted_again.exists():
            time.sleep(0.01)
        return rows

    monkeypatch.setattr(Rest, "on_execution_step", step)
    data = ray.data.range(40, override_num_blocks=10).map_batches(slow)
    rows: list[np.ndarray] = []
    with in_order(data):
        for bundle in bundles(data):
            rows += [ray.get(entry.ref)["id"].to_numpy() for entry in bundle.blocks]
            if not wanted_again.exists():
                assert rested.wait(60)
                wanted_again.touch()
    assert np.concatenate(rows).tolist() == list(range(40))
    assert data.context.custom_execution_callback_classes == []


def test_a_reading_that_is_given_up_lets_the_loop_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 3600)
    made: list[Rest] = []

    class Data:
        context = type("Context", (), {"custom_execution_callback_classes": []})

        def iter_internal_ref_bundles(self) -> Any:
            made.append(self.context.custom_execution_callback_classes[0]())  # type: ignore[attr-defined]
            return iter([1, 2, 3])

    reading = bundles(Data())
    assert next(reading) == 1
    loop = Thread(target=made[0].on_execution_step, args=(None,))
    loop.start()
    loop.join(0.1)
    assert loop.is_alive()
    reading.close()
    loop.join(60)
    assert not loop.is_alive()


def test_workers_get_a_callback_of_rays() -> None:
    made = pickle.loads(pickle.dumps(Rest()))()
    assert type(made) is ExecutionCallback
