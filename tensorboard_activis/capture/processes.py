"""Several processes that log one snapshot together, each with a part of the data.

All of them call the same methods in the same order. A process that meets a fault says so at the next call, whichever that is;
there the others learn of it, and all leave at the same place.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar

import numpy as np

from tensorboard_activis.capture.serialization import Decoders, Encoder, Serialized, deserialize, serialize
from tensorboard_activis.errors import ActiVisError

T = TypeVar("T")


class OtherProcessError(ActiVisError):
    """Another process met a fault; what it was."""


class DisconnectedError(ActiVisError):
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

    def all_gather(self, data: bytes) -> list[bytes]:
        """What each of them gave, in order of rank."""

    def all_to_all(self, parts: Sequence[Serialized]) -> list[memoryview]:
        """One parcel for each of them; gives what each of them had for this one, in order of rank."""

    def sum(self, values: np.ndarray) -> np.ndarray:
        """The sum over processes of arrays of one shape and dtype, element by element."""

    def min(self, values: np.ndarray) -> np.ndarray:
        """As `sum`, the minimum."""

    def max(self, values: np.ndarray) -> np.ndarray:
        """As `sum`, the maximum."""

    def collective(self) -> AbstractContextManager[None]:
        """A body that all go through. Leaves it without an exception only if all do.

        Raises:
            OtherProcessError: another process left it with an exception.
        """


class SingleProcess:
    """The one process that there is."""

    rank = 0
    size = 1

    def any(self, flag: bool) -> bool:
        """The flag."""
        return flag

    def all_gather(self, data: bytes) -> list[bytes]:
        """This process's own."""
        return [data]

    def all_to_all(self, parts: Sequence[Serialized]) -> list[memoryview]:
        """This process's own."""
        return [memoryview(b"".join(part)) for part in parts]

    def sum(self, values: np.ndarray) -> np.ndarray:
        """The values."""
        return values

    def min(self, values: np.ndarray) -> np.ndarray:
        """The values."""
        return values

    def max(self, values: np.ndarray) -> np.ndarray:
        """The values."""
        return values

    def collective(self) -> AbstractContextManager[None]:
        """Nothing to agree on."""
        return nullcontext()


def broadcast(
    processes: Processes, value: T | None, encode: Encoder = lambda value: None, decoders: Decoders | None = None
) -> T | None:
    """The value of the first process that has one, on all of them; see `serialize` for what it may be.

    Raises:
        SerializationError: it is something else.
    """
    holders = processes.all_gather(b"" if value is None else b"\1")
    first = next((rank for rank, holds in enumerate(holders) if holds), None)
    if first is None or processes.size == 1:
        return value
    parcel = serialize(value, encode) if first == processes.rank else []
    received = processes.all_to_all([parcel] * processes.size)[first]
    found: T = value if first == processes.rank else deserialize(received, decoders)  # type: ignore[assignment]
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
