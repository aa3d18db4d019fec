"""Memory goes back to the system after answers, and not more often than need be."""

import threading

import pyarrow as pa
import pytest

from tensorboard_activis.serve import memory


def test_given_back_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    trimmed: list[int] = []
    monkeypatch.setattr(memory, "_TRIM", trimmed.append)
    monkeypatch.setattr(memory, "_last", -1e9)
    assert memory.give_back()
    assert not memory.give_back()
    assert trimmed == [0]
    monkeypatch.setattr(memory, "_EVERY", 0.0)
    assert memory.give_back()


def test_what_the_last_answer_leaves_is_given_back_later(monkeypatch: pytest.MonkeyPatch) -> None:
    trimmed = threading.Semaphore(0)
    monkeypatch.setattr(memory, "_TRIM", lambda _: trimmed.release())
    monkeypatch.setattr(memory, "_EVERY", 0.1)
    monkeypatch.setattr(memory, "_last", -1e9)
    assert memory.give_back()
    assert trimmed.acquire(timeout=0)
    assert not memory.give_back()
    assert trimmed.acquire(timeout=20)


def test_where_there_is_nothing_to_trim_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_TRIM", None)
    monkeypatch.setattr(memory, "_last", -1e9)
    assert memory.give_back()


def test_what_is_in_use_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_EVERY", 0.0)
    kept = pa.array(range(100_000))
    assert memory.give_back()
    assert kept[99_999].as_py() == 99_999
