"""Reads the blocks of a data set, and has Ray's own loop rest while nobody waits for one."""

from collections.abc import Generator
from functools import partial
from threading import Event
from typing import Any

from ray.data._internal.execution.execution_callback import ExecutionCallback

#: Seconds between two rounds of the loop while it has read enough; as long as it waits for tasks, where there are any.
PAUSE = 0.1


def bundles(data: Any) -> Generator[Any, None, None]:
    """The bundles of blocks of a `ray.data.Dataset`, in its order, read as they are asked for.

    Once enough is read, no task is left to wait for, and Ray's loop would look at its queues without a pause: it would take as much
    of a processor as an actor, for as long as the actors have enough to do.
    """
    rest = Rest()
    callbacks = data.context.custom_execution_callback_classes
    callbacks.append(rest)
    try:
        reading = iter(data.iter_internal_ref_bundles())
    finally:
        callbacks.remove(rest)
    try:
        while True:
            rest.wanted.set()
            try:
                bundle = next(reading)
            except StopIteration:
                return
            rest.wanted.clear()
            yield bundle
    finally:
        rest.wanted.set()


class Rest(ExecutionCallback):
    """Has the loop pause after each of its rounds while no block is wanted.

    Ray takes classes and calls them; called, this gives itself. Its settings go to the workers, where this is Ray's callback that
    does nothing: nothing runs there, and this package need not be there to read.

    Attributes:
        wanted: whether somebody waits for a block.
    """

    def __init__(self) -> None:
        self.wanted = Event()
        self.wanted.set()

    def __call__(self) -> "Rest":
        return self

    def __reduce__(self) -> Any:
        return partial, (ExecutionCallback,)

    def on_execution_step(self, executor: Any) -> None:
        """Waits until a block is wanted, or the pause is over."""
        self.wanted.wait(PAUSE)
