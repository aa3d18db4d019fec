"""Times that are written never go back, whatever the system's clock does."""

import warnings
from pathlib import Path

import pytest

from tensorboard_activis.errors import ActiVisWarning
from tensorboard_activis.write.clock import Clock, session_time

EARLIER, START = 1_700_000_000.0, 1_700_100_000.25


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the system's clock says: its last element."""
    times = [START]
    monkeypatch.setattr("time.time", lambda: times[-1])
    return times


def test_a_clock_that_goes_is_believed(tmp_path: Path, now: list[float]) -> None:
    clock = Clock(tmp_path)
    assert clock.now() == START
    now.append(START + 5)
    assert clock.now() == START + 5


def test_small_steps_back_are_not_worth_a_word(tmp_path: Path, now: list[float]) -> None:
    clock = Clock(tmp_path)
    clock.now()
    now.append(START - 59)
    assert clock.now() == START


def test_a_clock_that_was_set_back_is_said_once(tmp_path: Path, now: list[float]) -> None:
    clock = Clock(tmp_path)
    clock.now()
    now.append(EARLIER)
    with pytest.warns(ActiVisWarning, match="the clock was set back. It says .*, but this run was written to at"):
        assert clock.now() == START
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert clock.now() == START


def test_a_session_begins_after_all_that_the_directory_has(tmp_path: Path, now: list[float]) -> None:
    first = session_time(START)
    (tmp_path / f"events.out.tfevents.{int(START)}.host.7.{first}-0a1b2c3d.000002").write_bytes(b"")
    (tmp_path / "events.out.tfevents.9999999999.somebody-elses").write_bytes(b"")
    now.append(EARLIER)
    with pytest.warns(ActiVisWarning, match="clock was set back"):
        later = Clock(tmp_path).now()
    assert session_time(later) > first
    assert later - START < 0.01
