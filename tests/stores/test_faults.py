"""A store that fails costs the snapshot that it fails for: one warning, training goes on, later snapshots work."""

import warnings

import numpy as np
import pytest

from tensorboard_activis import open_run
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.metadata import is_file_name
from tensorboard_activis.read.content import named_files
from tests.faults.victim import activations, log_with_recorder
from tests.stores.conftest import forget
from tests.stores.slow_store import SlowStore

RUN = "slow://bucket/runs/run1"
KEY = "bucket/runs/run1/activis"


def logged(steps: tuple[int, ...] = (1, 2, 3)) -> None:
    log = log_with_recorder(RUN, 1)
    for step in steps:
        log(step)
    log.close()  # type: ignore[attr-defined]


def said_at(log: object, step: int) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        log(step)  # type: ignore[operator]
    return [str(one.message) for one in caught]


def whole(step: int) -> None:
    snapshot = open_run(RUN).snapshot(step)
    order = np.argsort(np.asarray(snapshot.instances["id"]))
    np.testing.assert_allclose(snapshot.activations("stem")[order], activations(1, step)[0], rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("operation", ["upload", "write", "list", "status"])
def test_a_fault_costs_one_snapshot_with_one_warning(store: type[SlowStore], operation: str) -> None:
    log = log_with_recorder(RUN, 1, strict=False)
    log(1)

    def fail(asked: str, key: str) -> None:
        if asked == operation:
            raise TimeoutError("the read timed out")

    store.fault = staticmethod(fail)
    said = [*said_at(log, 2), *said_at(log, 3)]
    assert len(said) == 1
    assert "ActiVis lost the snapshot of step 2; training goes on." in said[0]
    assert "the store failed: the read timed out" in said[0]
    assert RUN in said[0]
    store.fault = None
    assert said_at(log, 4) == []
    log.close()  # type: ignore[attr-defined]
    run = open_run(RUN)
    assert run.steps == [1, 4]
    whole(1)
    whole(4)


def test_an_event_whose_answer_was_lost_counts(store: type[SlowStore]) -> None:
    """The object is there, and the connection broke before the store said so: the files that it names must stay."""
    log = log_with_recorder(RUN, 1, strict=False)
    log(1)
    store.lost_answer = "write"

    def only_events(asked: str, key: str) -> None:
        store.lost_answer = "write" if "tfevents" in key else ""

    store.fault = staticmethod(only_events)
    assert said_at(log, 2) == []
    store.fault, store.lost_answer = None, ""
    log(3)
    log.close()  # type: ignore[attr-defined]
    assert open_run(RUN).steps == [1, 2, 3]
    whole(2)


def test_half_of_an_upload_is_noticed(store: type[SlowStore], monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_with_recorder(RUN, 1, strict=False)
    log(1)
    whole_upload = SlowStore.pipe_file_quietly

    def half(self: SlowStore, path: str, value: bytes, **options: object) -> None:
        whole_upload(self, path, value[: len(value) // 2] if ".safetensors" in path else value)

    monkeypatch.setattr(SlowStore, "pipe_file_quietly", half)
    (said,) = said_at(log, 2)
    assert "bytes were sent, and it has" in said
    monkeypatch.undo()
    log(3)
    log.close()  # type: ignore[attr-defined]
    assert open_run(RUN).steps == [1, 3]


def arrays_of(step: int) -> str:
    return next(name for name in named_files(open_run(RUN).snapshot(step).record) if name.endswith("safetensors"))


def test_a_missing_object_says_so_and_the_others_are_read(store: type[SlowStore]) -> None:
    logged()
    name = arrays_of(2)
    del store.store[f"/{KEY}/{name}"]
    forget()
    run = open_run(RUN)
    with pytest.raises(UnreadableError, match=f"{name} is missing"):
        run.snapshot(2).activations("stem")
    whole(3)


def test_half_an_object_says_so(store: type[SlowStore]) -> None:
    logged()
    name = arrays_of(2)
    content = store.content(f"{KEY}/{name}")
    store.replace(f"{KEY}/{name}", content[: len(content) // 2])
    forget()
    with pytest.raises(
        UnreadableError, match=r"does not fit into its [0-9,]+ bytes|is not a complete safetensors file"
    ):
        open_run(RUN).snapshot(2).activations("stem")


def test_a_damaged_object_says_so(store: type[SlowStore]) -> None:
    """Of the right size, with other bytes in the middle: the checksum that it was written with differs."""
    logged()
    name = arrays_of(2)
    content = bytearray(store.content(f"{KEY}/{name}"))
    content[-100:] = bytes(100)
    store.replace(f"{KEY}/{name}", bytes(content))
    forget()
    with pytest.raises(UnreadableError, match="in the store is not what was written: its checksum differs"):
        open_run(RUN).snapshot(2).activations("stem")


def test_a_store_that_gives_too_little_says_so(store: type[SlowStore], monkeypatch: pytest.MonkeyPatch) -> None:
    logged()
    real = SlowStore.cat_ranges
    monkeypatch.setattr(
        SlowStore, "cat_ranges", lambda self, *given, **more: [part[:-1] for part in real(self, *given, **more)]
    )
    forget()
    run = open_run(RUN)
    assert any("it gave only" in problem for problem in run.problems)


def test_a_store_that_cannot_be_asked_is_no_empty_run(store: type[SlowStore]) -> None:
    logged()
    run = open_run(RUN)

    def down(operation: str, key: str) -> None:
        raise ConnectionError("the host cannot be reached")

    store.fault = staticmethod(down)
    with pytest.raises(
        UnreadableError, match=r"slow://bucket/runs/run1/activis cannot be read: the store failed: the host"
    ):
        run.reload()
    forget()
    with pytest.raises(UnreadableError, match="the host cannot be reached"):
        open_run(RUN)
    store.fault = None
    run.reload()
    assert run.steps == [1, 2, 3]


def test_nothing_of_a_lost_snapshot_stays(store: type[SlowStore]) -> None:
    log = log_with_recorder(RUN, 1, strict=False)
    log(1)
    before = {key for key in store.store if is_file_name(key.rpartition("/")[2])}

    def no_events(operation: str, key: str) -> None:
        if operation == "write" and "tfevents" in key:
            raise TimeoutError("the read timed out")

    store.fault = staticmethod(no_events)
    assert len(said_at(log, 2)) == 1
    store.fault = None
    log.close()  # type: ignore[attr-defined]
    assert {key for key in store.store if is_file_name(key.rpartition("/")[2])} == before
