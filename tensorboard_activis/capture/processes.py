"""Several processes that log one snapshot together, each with a part of the data.

All of them call the same methods in the same order. A process that meets a fault says so at the next call, whichever that is;
there the others learn of it, and all leave at the same place.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar

import numpy as np

from tensorboard_activis.capture.parcels import Describe, Make, Parcel, packed, unpacked
from tensorboard_activis.errors import ActiVisError

T = TypeVar("T")


class ElsewhereError(ActiVisError):
    """Another process met a fault; what it was."""


class SeparatedError(ActiVisError):
    """The other processes cannot be reached any more."""


class Processes(Protocol):
    """What is needed of them.

    Attributes:
        rank: number of this process, from 0.
        size: how many there are.
    """

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    def any(self, flag: bool) -> bool:
        """Whether it is true in one of them."""

    def gather(self, data: bytes) -> list[bytes]:
        """What each of them gave, in order of rank."""

    def exchange(self, parts: Sequence[Parcel]) -> list[memoryview]:
        """One parcel for each of them; gives what each of them had for this one, in order of rank."""

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sum over processes of arrays of one shape and dtype, element by element."""

    def lowest(self, values: np.ndarray) -> np.ndarray:
        """As `total`, the minimum."""

    def highest(self, values: np.ndarray) -> np.ndarray:
        """As `total`, the maximum."""

    def together(self) -> AbstractContextManager[None]:
        """A body that all go through. Leaves it without an exception only if all do.

        Raises:
            ElsewhereError: another process left it with an exception.
        """


class Alone:
    """The one process that there is."""

    rank = 0
    size = 1

    def any(self, flag: bool) -> bool:
        """The flag."""
        return flag

    def gather(self, data: bytes) -> list[bytes]:
        """This process's own."""
        return [data]

    def exchange(self, parts: Sequence[Parcel]) -> list[memoryview]:
        """This process's own."""
        return [memoryview(b"".join(part)) for part in parts]

    def total(self, values: np.ndarray) -> np.ndarray:
        """The values."""
        return values

    def lowest(self, values: np.ndarray) -> np.ndarray:
        """The values."""
        return values

    def highest(self, values: np.ndarray) -> np.ndarray:
        """The values."""
        return values

    def together(self) -> AbstractContextManager[None]:
        """Nothing to agree on."""
        return nullcontext()


def shared(
    processes: Processes, value: T | None, describe: Describe = lambda value: None, make: Make | None = None
) -> T | None:
    """The value of the first process that has one, on all of them; see `packed` for what it may be.

    Raises:
        UnsendableError: it is something else.
    """
    holders = processes.gather(b"" if value is None else b"\1")
    first = next((rank for rank, holds in enumerate(holders) if holds), None)
    if first is None or processes.size == 1:
        return value
    parcel = packed(value, describe) if first == processes.rank else []
    received = processes.exchange([parcel] * processes.size)[first]
    found: T = value if first == processes.rank else unpacked(received, make)  # type: ignore[assignment]
    return found


def rounds(processes: Processes, batches: Iterable[T]) -> Iterator[T | None]:
    """The batches, then None as long as another process has some: all make the same number of rounds."""
    if processes.size == 1:
        yield from batches
        return
    iterator = iter(batches)
    while True:
        batch = next(iterator, None)
        if not processes.any(batch is not None):
            return
        yield batch
