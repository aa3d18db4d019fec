"""Collective communication of the processes that log one snapshot together, each with a part of the data.

All processes call the same methods in the same order. A process that fails reports it at its next call, whichever that is; that
call then fails in the other processes too, so that all of them leave at the same place.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar

import numpy as np

from tensorboard_activis.capture.distributed.serialization import Decoders, Encoder, Serialized, deserialize, serialize
from tensorboard_activis.errors import ActiVisError

T = TypeVar("T")


class OtherProcessError(ActiVisError):
    """Another process failed; the message says how."""


class DisconnectedError(ActiVisError):
    """The connection to the other processes is lost."""


class Processes(Protocol):
    """Collective operations, named as in torch.distributed; every method raises OtherProcessError if another process failed.

    Attributes:
        rank: number of this process, from 0.
        size: number of processes.
    """

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    def any(self, flag: bool) -> bool:
        """Whether the flag is true in at least one process."""

    def all_gather(self, data: bytes) -> list[bytes]:
        """The data of every process, in order of rank."""

    def all_to_all(self, parts: Sequence[Serialized]) -> list[memoryview]:
        """Sends one part to every process, and returns the parts that they sent to this one, in order of rank."""

    def sum(self, values: np.ndarray) -> np.ndarray:
        """The elementwise sum over processes (all-reduce); arrays must have the same shape and dtype in all."""

    def min(self, values: np.ndarray) -> np.ndarray:
        """As `sum`, the minimum."""

    def max(self, values: np.ndarray) -> np.ndarray:
        """As `sum`, the maximum."""

    def collective(self) -> AbstractContextManager[None]:
        """A context that all processes enter; it ends without an exception only if it does in all of them.

        Raises:
            OtherProcessError: another process raised an exception in it.
        """


class SingleProcess:
    """The trivial case: one process, which communicates with nobody."""

    rank = 0
    size = 1

    def any(self, flag: bool) -> bool:
        """The flag."""
        return flag

    def all_gather(self, data: bytes) -> list[bytes]:
        """What this process sent."""
        return [data]

    def all_to_all(self, parts: Sequence[Serialized]) -> list[memoryview]:
        """What this process sent."""
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
        """A context that does nothing."""
        return nullcontext()


def broadcast(
    processes: Processes, value: T | None, encode: Encoder = lambda value: None, decoders: Decoders | None = None
) -> T | None:
    """Broadcasts the value of the first process whose value is not None; returns it in all, or None if none has one.

    Arguments:
        value: of this process; what `serialize` accepts.
        encode, decoders: for values of other types, as in `serialize` and `deserialize`.

    Raises:
        SerializationError: the value cannot be serialized.
    """
    senders = processes.all_gather(b"" if value is None else b"\1")
    first = next((rank for rank, sends in enumerate(senders) if sends), None)
    if first is None or processes.size == 1:
        return value
    data = serialize(value, encode) if first == processes.rank else []
    received = processes.all_to_all([data] * processes.size)[first]
    result: T = value if first == processes.rank else deserialize(received, decoders)  # type: ignore[assignment]
    return result


def rounds(processes: Processes, batches: Iterable[T]) -> Iterator[T | None]:
    """The batches, then None as long as another process has batches: all processes iterate equally often."""
    if processes.size == 1:
        yield from batches
        return
    iterator = iter(batches)
    while True:
        batch = next(iterator, None)
        if not processes.any(batch is not None):
            return
        yield batch
