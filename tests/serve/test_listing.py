"""Listing very many snapshots: what is not read yet is there by step, and known soon after."""

import argparse
import threading
import time
from pathlib import Path

import pytest
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin

from tensorboard_activis.blobs import Blob, event_files, scan
from tensorboard_activis.serve.runs import Request, Runs
from tests.hostile.served import Provider
from tests.records import small_data, write_run

REQUEST = Request(RequestContext(), "")
STEPS = (1, 2, 3)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    blobs = {}
    for name in ("a", "b"):
        write_run(tmp_path / name, small_data(), STEPS)
        found = [one for path in event_files(tmp_path / name / "activis") for one in scan(path)]
        blobs[f"{name}/activis"] = [one for one in found if isinstance(one, Blob)]
    flags = argparse.Namespace(logdir_spec="")
    return Runs(base_plugin.TBContext(data_provider=Provider(blobs), logdir=str(tmp_path), flags=flags))


def losses(listing: dict) -> list[float | None]:
    assert [run["name"] for run in listing["runs"]] == ["a", "b"]
    assert [[step["step"] for step in run["steps"]] for run in listing["runs"]] == [list(STEPS)] * 2
    assert [step["problem"] for run in listing["runs"] for step in run["steps"]] == [None] * 6
    return [step["loss"] for run in listing["runs"] for step in run["steps"]]


def test_with_time_everything_is_known_at_once(runs: Runs) -> None:
    assert None not in losses(runs.listing(REQUEST))


def test_without_time_snapshots_are_known_by_step_and_soon_in_full(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorboard_activis.serve.runs.LISTING_SECONDS", -1.0)
    assert losses(runs.listing(REQUEST)) == [None] * 6
    end = time.monotonic() + 30
    while None in losses(runs.listing(REQUEST)) and time.monotonic() < end:
        time.sleep(0.01)
    assert None not in losses(runs.listing(REQUEST))
    for thread in threading.enumerate():
        if thread.name == "activis-ahead":
            thread.join(10)
            assert not thread.is_alive()


def test_one_run_that_is_asked_for_is_read_in_full(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorboard_activis.serve.runs.LISTING_SECONDS", -1.0)
    assert [snapshot.step for snapshot in runs.snapshots(REQUEST, "b")] == list(STEPS)
    assert runs.snapshot(REQUEST, "a", 2).record.seen == 17


class Growing(dict[str, int]):
    """A table that its owner adds to the first few times that somebody goes through it."""

    def __init__(self, times: int) -> None:
        super().__init__(a=0, b=1)
        self.times = times

    def walk(self) -> None:
        for _ in self:
            if self.times:
                self.times -= 1
                self[f"tag {self.times}"] = 0


@pytest.mark.parametrize("question", ["list_blob_sequences", "read_blob_sequences"])
def test_tags_that_come_while_they_are_listed(runs: Runs, question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table, answer = Growing(3), getattr(runs._provider, question)

    def racing(*arguments: object, **options: object) -> object:
        table.walk()
        return answer(*arguments, **options)

    monkeypatch.setattr(runs._provider, question, racing)
    assert None not in losses(runs.listing(REQUEST))
    assert table.times == 0


def test_another_fault_of_the_provider_is_not_asked_again(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def failing(*arguments: object, **options: object) -> object:
        asked.append(1)
        raise RuntimeError("something else")

    monkeypatch.setattr(runs._provider, "list_blob_sequences", failing)
    with pytest.raises(RuntimeError, match="something else"):
        runs.listing(REQUEST)
    assert len(asked) == 1
