"""The progress bar is shown when requested, and never changes the batches."""

import io
import sys
from collections.abc import Iterator

import pytest

from tensorboard_activis.capture.progress import with_bar


class Endless:
    """Knows no length, but has the method, as a loader of a stream does."""

    def __len__(self) -> int:
        raise TypeError

    def __iter__(self) -> Iterator[int]:
        return iter([3, 1, 2])


def test_the_same_batches(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(with_bar([3, 1, 2], True)) == [3, 1, 2]
    assert "ActiVis: " in capsys.readouterr().err
    assert list(with_bar(Endless(), True)) == [3, 1, 2]
    assert list(with_bar(Endless(), True, 3)) == [3, 1, 2]


@pytest.mark.parametrize("progress", [False, None])
def test_quiet_where_nobody_looks(capsys: pytest.CaptureFixture[str], progress: bool | None) -> None:
    batches = [1, 2]
    assert with_bar(batches, progress) is batches
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert list(with_bar([1, 2], None)) == [1, 2]
    assert "ActiVis" not in terminal.getvalue()  # it took less


def test_without_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    batches = [1, 2]
    assert with_bar(batches, True) is batches
