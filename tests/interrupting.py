"""Ctrl-C at chosen places of a piece of work: the k-th line that Python runs in it."""

import contextlib
import random
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import Any

import tensorboard_activis

#: Where lines count: this package, and what enters and leaves its contexts.
PACKAGE = tensorboard_activis.__file__.rpartition("__init__")[0]
PLACES = (PACKAGE, contextlib.__file__, "/torch/nn/modules/module.py", "/torch/utils/hooks.py", "/torch/overrides.py",
          "/torch/autograd/grad_mode.py", "/torch/amp/autocast_mode.py", "/filelock/")  # fmt: skip


class Interrupter:
    """Counts lines while it traces, and sends this process SIGINT at chosen ones.

    Arguments:
        at: numbers of lines, from 0; each must be there before the next one counts.
    """

    def __init__(self, at: Iterable[int] = ()) -> None:
        self._at = set(at)
        self.lines = 0
        self.places: list[str] = []

    def run(self, work: Callable[[], Any]) -> bool:
        """Does the work; returns whether KeyboardInterrupt ended it."""
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            work()
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(before)
        return False

    def _trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        name = frame.f_code.co_filename
        # What an object's end raises is told and ignored, so it interrupts nothing.
        return self._line if any(place in name for place in PLACES) and not _is_in_del(frame) else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            number, self.lines = self.lines, self.lines + 1
            if number in self._at:
                self.places.append(f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}")
                signal.raise_signal(signal.SIGINT)
        return self._line


def _is_in_del(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_name != "__del__":
        frame = frame.f_back
    return frame is not None


def lines_of(work: Callable[[], Any]) -> int:
    """How many lines a piece of work runs."""
    counter = Interrupter()
    counter.run(work)
    return counter.lines


def chosen_lines(count: int, share: int, seed: int) -> list[int]:
    """Some of so many lines; those of the beginning and of the end more often."""
    rng = random.Random(seed)
    edge = min(400, count)
    some = [rng.randrange(count) for _ in range(share)]
    some += [rng.randrange(edge) for _ in range(share // 3)] + [
        count - 1 - rng.randrange(edge) for _ in range(share // 3)
    ]
    return sorted(set(some))


def check_interrupts(work: Callable[[], Any], share: int, world: Callable[[], Mapping[str, Any]], seed: int = 0) -> int:
    """Interrupts a piece of work at chosen lines, each time from the start, and compares the world before and after.

    Returns:
        How often it was interrupted.
    """
    interrupted = 0
    for line in chosen_lines(lines_of(work), share, seed):
        before, interrupter = world(), Interrupter([line, line + 5])
        ended = interrupter.run(work)
        after = world()
        changed = [name for name in before if before[name] != after[name]]
        assert not changed, f"changed by an interrupt at {interrupter.places}: {changed}"
        interrupted += ended
    return interrupted
