"""Listing very many snapshots: what is not read yet is there by step, and known soon after."""

import argparse
import json
import os
import threading
import time
from pathlib import Path

import pytest
from tensorboard.context import RequestContext
from tensorboard.data.provider import BlobSequenceTimeSeries, RunTagFilter
from tensorboard.errors import NotFoundError
from tensorboard.plugins import base_plugin

from tensorboard_activis.blobs import Blob, event_files, scan
from tensorboard_activis.serve import run_list
from tensorboard_activis.serve.encoding import encode_json
from tensorboard_activis.serve.event_source import RequestScope
from tensorboard_activis.serve.run_list import SETTLED_SECONDS
from tensorboard_activis.serve.runs import Runs
from tests.hostile.served import Provider
from tests.records import small_data, write_run

REQUEST = RequestScope(RequestContext(), "")
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


def losses(answer: run_list.Runs) -> list[float | None]:
    assert [run.name for run in answer.runs] == ["a", "b"]
    assert [[step.step for step in run.steps] for run in answer.runs] == [list(STEPS)] * 2
    assert [step.problem for run in answer.runs for step in run.steps] == [None] * 6
    return [step.loss for run in answer.runs for step in run.steps]


def test_with_time_everything_is_known_at_once(runs: Runs) -> None:
    assert None not in losses(runs.list_runs(REQUEST))


def test_without_time_snapshots_are_known_by_step_and_soon_in_full(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorboard_activis.serve.run_list.READ_SECONDS", -1.0)
    assert losses(runs.list_runs(REQUEST)) == [None] * 6
    end = time.monotonic() + 120
    while None in losses(runs.list_runs(REQUEST)) and time.monotonic() < end:
        time.sleep(0.01)
    assert None not in losses(runs.list_runs(REQUEST))
    for thread in threading.enumerate():
        if thread.name == "activis-ahead":
            thread.join(120)
            assert not thread.is_alive()


def test_one_run_that_is_asked_for_is_read_in_full(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorboard_activis.serve.run_list.READ_SECONDS", -1.0)
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
    table, answer = Growing(3), getattr(runs._events._provider, question)

    def racing(*arguments: object, **options: object) -> object:
        table.walk()
        return answer(*arguments, **options)

    monkeypatch.setattr(runs._events._provider, question, racing)
    assert None not in losses(runs.list_runs(REQUEST))
    assert table.times == 0


def test_another_fault_of_the_provider_is_not_asked_again(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def failing(*arguments: object, **options: object) -> object:
        asked.append(1)
        raise RuntimeError("something else")

    monkeypatch.setattr(runs._events._provider, "list_blob_sequences", failing)
    with pytest.raises(RuntimeError, match="something else"):
        runs.list_runs(REQUEST)
    assert len(asked) == 1


@pytest.fixture
def asked(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Of which runs the announcements were asked for; nobody wrote to them for a long time."""
    age(tmp_path)
    found: list[list[str]] = []
    answer = runs._events._provider.read_blob_sequences

    def listening(*arguments: object, run_tag_filter: RunTagFilter, **options: object) -> object:
        found.append(sorted(run_tag_filter.runs))
        return answer(*arguments, run_tag_filter=run_tag_filter, **options)

    monkeypatch.setattr(runs._events._provider, "read_blob_sequences", listening)
    return found


def counted(runs: Runs) -> dict[str, int]:
    """Steps by run."""
    return {run["name"]: len(run["steps"]) for run in json.loads(runs.list_runs_json(REQUEST))["runs"]}


def age(directory: Path, seconds: float = 2 * SETTLED_SECONDS) -> None:
    for path in (directory, *directory.rglob("*")):
        os.utime(path, (time.time() - seconds,) * 2)


def test_a_run_that_did_not_change_is_not_looked_through_again(runs: Runs, asked: list[list[str]]) -> None:
    first = runs.list_runs_json(REQUEST)
    assert first == encode_json(runs.list_runs(REQUEST))
    assert runs.list_runs_json(REQUEST) is first
    assert asked == [["a/activis", "b/activis"]]


def test_a_run_that_was_just_written_to_is_looked_through_again(
    runs: Runs, asked: list[list[str]], tmp_path: Path
) -> None:
    (event_file,) = event_files(tmp_path / "b" / "activis")
    os.utime(event_file)
    for _ in range(2):
        assert None not in losses(runs.list_runs(REQUEST))
    assert asked == [["a/activis", "b/activis"], ["b/activis"]]


def test_a_file_that_goes_is_missed_and_one_that_comes_back_is_found(
    runs: Runs, asked: list[list[str]], tmp_path: Path
) -> None:
    before = runs.list_runs_json(REQUEST)
    (table,) = (tmp_path / "a" / "activis").glob("*.parquet")
    table.rename(tmp_path / "away")
    after = json.loads(runs.list_runs_json(REQUEST))
    assert [step["problem"] is None for run in after["runs"] for step in run["steps"]] == [False] * 3 + [True] * 3
    (tmp_path / "away").rename(table)
    assert runs.list_runs_json(REQUEST) == before
    assert asked == [["a/activis", "b/activis"], ["a/activis"], ["a/activis"]]


def test_what_a_file_system_does_not_tell_is_noticed_in_the_end(
    runs: Runs, asked: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.list_runs(REQUEST)
    (table,) = (tmp_path / "a" / "activis").glob("*.parquet")
    table.unlink()
    age(tmp_path)
    monkeypatch.setattr("tensorboard_activis.serve.run_list.DESCRIBED_SECONDS", 0.0)
    assert "is missing" in runs.list_runs_json(REQUEST).decode()


def test_an_announcement_is_seen_although_the_files_say_nothing(runs: Runs, asked: list[list[str]]) -> None:
    runs.list_runs(REQUEST)
    provider = runs._events._provider
    provider._runs["b/activis"].pop()
    assert counted(runs) == {"a": 3, "b": 3}  # the test's provider says the same of any number
    answer = provider.list_blob_sequences

    def grown(*arguments: object, **options: object) -> dict[str, dict[str, BlobSequenceTimeSeries]]:
        found = answer(*arguments, **options)
        tags = {
            tag: BlobSequenceTimeSeries(
                max_step=9,
                max_wall_time=1.0,
                max_length=1,
                plugin_content=one.plugin_content,
                description="",
                display_name="",
            )
            for tag, one in found["b/activis"].items()
        }
        return found | {"b/activis": tags}

    provider.list_blob_sequences = grown
    assert counted(runs) == {"a": 3, "b": 2}
    assert asked[1:] == [["b/activis"]]


def test_runs_that_come_and_go(runs: Runs, asked: list[list[str]]) -> None:
    runs.list_runs(REQUEST)
    provider = runs._events._provider
    gone = provider._runs.pop("a/activis")
    assert counted(runs) == {"b": 3}
    provider._runs["a/activis"] = gone
    assert None not in losses(runs.list_runs(REQUEST))


def test_a_blob_that_is_not_there_for_a_moment_is_asked_for_again(
    runs: Runs, asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*arguments: object, blob_key: str) -> bytes:
        raise NotFoundError(blob_key)

    with monkeypatch.context() as patched:
        patched.setattr(runs._events._provider, "read_blob", absent)
        problems = [
            step["problem"] for run in json.loads(runs.list_runs_json(REQUEST))["runs"] for step in run["steps"]
        ]
        assert len(problems) == 6
        assert all("no longer has this snapshot" in problem for problem in problems)
    assert None not in losses(runs.list_runs(REQUEST))


def test_of_many_that_ask_at_once_one_reads(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    answer = runs._events._provider.read_blob
    monkeypatch.setattr("tensorboard_activis.serve.run_list.READ_SECONDS", 60.0)

    def slow(*arguments: object, blob_key: str) -> bytes:
        read.append(blob_key)
        time.sleep(0.01)
        return bytes(answer(*arguments, blob_key=blob_key))

    monkeypatch.setattr(runs._events._provider, "read_blob", slow)
    answers: list[list[float | None]] = []
    clients = [threading.Thread(target=lambda: answers.append(losses(runs.list_runs(REQUEST)))) for _ in range(8)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert len(answers) == 8
    assert all(None not in one for one in answers)
    assert len(read) == len(set(read)) == 6
