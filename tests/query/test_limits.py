"""The time of a request: for its expressions together, by itself, and for a client that has left, in the middle of long work."""

import logging
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.query import limits
from tensorboard_activis.query.instances.filtering import matching
from tensorboard_activis.query.instances.groups import groups
from tensorboard_activis.query.instances.table import Page, select
from tensorboard_activis.query.limits import (
    AbandonedError,
    TooLargeError,
    check_time,
    expression_seconds,
    expression_time,
    time_limit,
)
from tensorboard_activis.query.matrix.rows import Row, members
from tensorboard_activis.read.run import open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.capture.test_recorder import recorder
from tests.processor_time import at_most
from tests.records import small_data

COUNT = 3_000
#: Takes minutes over all texts, and for each pattern a while.
LONG = " or ".join(f'matches(text, "a.{{1,40}}b.{{1,40}}{index}$")' for index in range(60))


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> SnapshotReader:
    path: Path = tmp_path_factory.mktemp("logs") / "run"
    data = small_data(COUNT)
    log = recorder(path, strict=True, sample=None)
    with log.snapshot(1) as evaluation:
        evaluation.add(BatchRecord(data.activations, labels=data.labels, texts=["abc " * 250] * COUNT))
    log.close()
    return open_run(path).latest


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.EXPRESSION_SECONDS, "0.2")
    expression_seconds.cache_clear()


@pytest.fixture(autouse=True)
def read_anew() -> object:
    yield
    expression_seconds.cache_clear()


EVERYWHERE = {
    "where": lambda snapshot: matching(snapshot, LONG),
    "rows of the matrix": lambda snapshot: members(snapshot, [Row(subset="all"), Row(expression=LONG)]),
    "table and export": lambda snapshot: select(snapshot, Page(expression=LONG)),
    "groups": lambda snapshot: groups(snapshot, "label", LONG),
}


@pytest.mark.parametrize("name", EVERYWHERE)
@pytest.mark.usefixtures("seconds")
def test_expressions_end_wherever_they_are_computed(snapshot: SnapshotReader, name: str) -> None:
    with (
        at_most(8),
        pytest.raises(TooLargeError, match=r"longer than 0\.2 seconds.*TENSORBOARD_ACTIVIS_EXPRESSION_SECONDS"),
        time_limit(60),
    ):
        EVERYWHERE[name](snapshot)


@pytest.mark.parametrize("name", EVERYWHERE)
def test_expressions_end_when_their_client_has_left(snapshot: SnapshotReader, name: str) -> None:
    left = threading.Event()
    threading.Timer(0.3, left.set).start()
    with at_most(8), pytest.raises(AbandonedError), time_limit(60, left.is_set):
        EVERYWHERE[name](snapshot)


@pytest.mark.usefixtures("seconds")
def test_all_expressions_of_a_request_share_their_time(snapshot: SnapshotReader) -> None:
    rows = [Row(expression=f'matches(text, "a.{{1,40}}b.{{1,40}}{index}$")') for index in range(300)]
    with at_most(8), pytest.raises(TooLargeError, match="expressions of this request"), time_limit(60):
        members(snapshot, rows)


@pytest.mark.usefixtures("seconds")
def test_other_work_does_not_count_as_expressions(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1_000.0]
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    with time_limit(60):
        clock[0] += 0.3
        check_time()
        with expression_time():
            check_time()
            with pytest.raises(TooLargeError):  # noqa: PT012
                clock[0] += 0.3
                check_time()
        check_time()


def test_without_a_request_there_is_no_limit(snapshot: SnapshotReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.EXPRESSION_SECONDS, "0.000001")
    expression = 'contains(text, "bc a") and label == "bee"'
    whole = snapshot.where(expression)
    np.testing.assert_array_equal(matching(snapshot, expression), whole)
    assert whole.any()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3", 3.0), (" 0.5 ", 0.5), ("", 10.0), *((wrong, 10.0) for wrong in ("0", "-1", "nan", "inf", "ten"))],
)
def test_the_seconds_of_expressions(
    text: str, expected: float, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(limits.EXPRESSION_SECONDS, text)
    expression_seconds.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert [expression_seconds(), expression_seconds()] == [expected] * 2
    said = [record.getMessage() for record in caplog.records]
    wrong = bool(text.strip()) and expected == 10.0
    assert len(said) == wrong
    assert all(limits.EXPRESSION_SECONDS in one and repr(text) in one and "10 seconds" in one for one in said)
