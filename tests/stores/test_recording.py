"""A run in a store is the run that a disk would hold, and its events name nothing that is not there."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis import open_run
from tensorboard_activis.blobs import Blob, event_files, scan
from tensorboard_activis.check.command import run_check
from tensorboard_activis.errors import ActiVisWarning
from tensorboard_activis.metadata import is_file_name, is_session_object
from tensorboard_activis.read.content import named_files
from tensorboard_activis.stores.locations import location
from tensorboard_activis.write import arrays, event_objects
from tests.faults.victim import activations, log_with_recorder
from tests.records import small_data, write_run
from tests.stores.slow_store import SlowStore

RUN = "slow://bucket/runs/run1"
KEY = "bucket/runs/run1/activis"
DATA = small_data(400)


def names() -> list[str]:
    return sorted(key.rpartition("/")[2] for key in SlowStore.store)


def test_a_run_in_a_store_is_the_run_on_a_disk(
    store: type[SlowStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "INLINE_BYTES", 0)
    write_run(RUN, DATA, (3, 5))
    write_run(tmp_path, DATA, (3, 5))
    far, near = open_run(RUN), open_run(tmp_path)
    assert far.steps == near.steps == [3, 5]
    assert far.problems == () == near.problems
    assert far.graph == near.graph
    np.testing.assert_array_equal(far.health.values, near.health.values)
    for step in (3, 5):
        one, other = far.snapshot(step), near.snapshot(step)
        assert one.instances.equals(other.instances)
        assert any(array.files for layer in one.record.layers for array in layer.arrays)
        for name in other.layers:
            np.testing.assert_array_equal(one.activations(name), other.activations(name))
            np.testing.assert_array_equal(one.summary(name).mean, other.summary(name).mean)
            if other.position_sizes(name):
                np.testing.assert_array_equal(one.peaks(name), other.peaks(name))
    assert run_check(location(RUN)) == 0


def test_side_files_are_there_before_the_event_that_names_them(store: type[SlowStore]) -> None:
    there: set[str] = set()
    named: list[set[str]] = []

    def watch(operation: str, key: str) -> None:
        if operation == "write" and "tfevents" in key:
            there.clear()
            there.update(name for name in names() if is_file_name(name))

    store.fault = staticmethod(watch)
    log = log_with_recorder(RUN, 1)
    for step in (1, 2):
        log(step)
        named.append(set(named_files(open_run(RUN).snapshot(step).record)))
        assert named[-1]
        assert named[-1] <= there
    log.close()  # type: ignore[attr-defined]


def test_an_event_object_is_written_again_up_to_a_bound_and_begins_as_before(
    store: type[SlowStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = log_with_recorder(RUN, 1)
    log(1)
    size = sum(len(store.content(f"{KEY}/{name}")) for name in names() if "tfevents" in name)
    monkeypatch.setattr(event_objects, "MOST_REWRITTEN", 3 * size)
    before: dict[str, bytes] = {}
    for step in range(2, 12):
        log(step)
        now = {name: store.content(f"{KEY}/{name}") for name in names() if "tfevents" in name}
        for name, content in before.items():
            assert now[name][: len(content)] == content  # a reader goes on where it was
        before = now
    log.close()  # type: ignore[attr-defined]
    sent = [sent for operation, key, sent in store.requests if operation == "write" and "tfevents" in key]
    assert len(before) > 2
    assert max(sent) < 4 * size
    directory = location(RUN) / "activis"
    directory.refresh()  # type: ignore[union-attr]
    steps = [
        one.step
        for path in event_files(directory)
        for one in scan(path)
        if isinstance(one, Blob) and "snapshot" in one.tag
    ]
    assert steps == list(range(1, 12))  # in the order of the objects' names, which is TensorBoard's
    assert open_run(RUN).steps == steps


def test_a_logger_that_never_logs_leaves_nothing(store: type[SlowStore]) -> None:
    log_with_recorder(RUN, 1).close()  # type: ignore[attr-defined]
    assert names() == []


def test_two_sessions_at_one_address_hear_of_each_other(store: type[SlowStore]) -> None:
    first = log_with_recorder(RUN, 1)
    with pytest.warns(
        ActiVisWarning, match=r"another session says that it logs to slow://bucket/runs/run1; .*A store has no locks"
    ):
        second = log_with_recorder(RUN, 2)
    with pytest.warns(ActiVisWarning, match="another session") as said:
        first(1)
        first(2)
    assert len(said) == 1  # of the same session once
    second(3)
    for log in (first, second):
        log.close()  # type: ignore[attr-defined]
    run = open_run(RUN)
    assert run.steps == [1, 2, 3]  # each has files of its own
    np.testing.assert_allclose(_by_id(run.snapshot(2), "stem"), activations(1, 2)[0], rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(_by_id(run.snapshot(3), "stem"), activations(2, 3)[0], rtol=2e-3, atol=2e-3)
    assert not any(is_session_object(name) for name in names())


def test_a_session_that_said_nothing_for_a_day_is_forgotten(store: type[SlowStore]) -> None:
    log_with_recorder(RUN, 1)  # killed: it never says that it ended
    (old,) = (key for key in store.store if is_session_object(key.rpartition("/")[2]))
    store.store[old].created = store.store[old].modified = store.store[old].modified.replace(year=2020)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log = log_with_recorder(RUN, 2)
    log.close()  # type: ignore[attr-defined]
    assert names() == []


def test_a_run_goes_on_in_a_store_from_a_checkpoint(store: type[SlowStore]) -> None:
    for seed, steps in ((1, (1, 2, 3)), (2, (2, 4))):
        log = log_with_recorder(RUN, seed)
        for step in steps:
            log(step)
        log.close()  # type: ignore[attr-defined]
    run = open_run(RUN)
    assert run.steps == [1, 2, 4]
    np.testing.assert_allclose(_by_id(run.snapshot(2), "head"), activations(2, 2)[1], rtol=2e-3, atol=2e-3)


def test_thinning_works_in_a_store(store: type[SlowStore]) -> None:
    log = log_with_recorder(RUN, 1, keep=2)
    for step in (1, 2, 3, 4):
        log(step)
    log.close()  # type: ignore[attr-defined]
    run = open_run(RUN)
    assert run.steps == [1, 2, 3, 4]
    assert len([name for name in names() if name.startswith("step-")]) > 2
    for step in (1, 4):
        np.testing.assert_allclose(_by_id(run.snapshot(step), "stem"), activations(1, step)[0], rtol=2e-3, atol=2e-3)


def _by_id(snapshot: object, layer: str) -> np.ndarray:
    ids = np.asarray(snapshot.instances["id"])  # type: ignore[attr-defined]
    return snapshot.activations(layer).astype(float)[np.argsort(ids)]  # type: ignore[attr-defined]
