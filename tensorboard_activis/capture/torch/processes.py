"""Several processes by torch.distributed, with a group of our own on gloo: beside NCCL, and out of step with training."""

import hashlib
import os
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from tensorboard_activis.capture.processes import DisconnectedError, OtherProcessError, Processes, SingleProcess
from tensorboard_activis.capture.serialization import Serialized
from tensorboard_activis.errors import ActiVisError, ActiVisWarning, ConfigurationError

#: So many seconds a process waits for the others to make their logger, if it was not told that they will.
PATIENCE = 30.0

_FINE, _FAULT = 0, 1
#: How often a logger was made for a directory, so that each finds those of the other processes that were made with it.
_made: Counter[str] = Counter()


class TorchProcesses:
    """The processes of the default group; all must make one at the same place. See `Processes`.

    Every call begins with a header from each process: whether it met a fault, and how many bytes it will send.

    Attributes:
        rank: number of this process, from 0.
        size: how many there are.
    """

    def __init__(self) -> None:
        self.rank = dist.get_rank()
        self.size = dist.get_world_size()
        self._group = dist.new_group(backend="gloo", timeout=_timeout())
        self._lost = False

    def any(self, flag: bool) -> bool:
        """Whether it is true in one of them."""
        return any(self._headers(int(flag)))

    def all_gather(self, data: bytes) -> list[bytes]:
        """What each of them gave, in order of rank."""
        return [bytes(found) for found in self.all_to_all([[data]] * self.size)]

    def all_to_all(self, parts: Sequence[Serialized]) -> list[memoryview]:
        """Sends one part to every process, and returns the parts that they sent to this one, in order of rank."""
        sizes = self._headers(*(_size(part) for part in parts))
        received = [sizes[rank * self.size + self.rank] for rank in range(self.size)]
        if not any(sizes):
            return [memoryview(b"")] * self.size
        return self._bytes(parts, received)

    def sum(self, values: np.ndarray) -> np.ndarray:
        """The sum over processes of arrays of one shape and dtype, element by element."""
        return self._reduced(values, dist.ReduceOp.SUM)

    def min(self, values: np.ndarray) -> np.ndarray:
        """As `sum`, the minimum."""
        return self._reduced(values, dist.ReduceOp.MIN)

    def max(self, values: np.ndarray) -> np.ndarray:
        """As `sum`, the maximum."""
        return self._reduced(values, dist.ReduceOp.MAX)

    @contextmanager
    def collective(self) -> Iterator[None]:
        """A body that all go through. Leaves it without an exception only if all do."""
        try:
            yield
        except OtherProcessError:
            raise
        except BaseException as error:
            if not self._lost:
                self._tell(error)
            raise
        self._headers()

    def _reduced(self, values: np.ndarray, operation: Any) -> np.ndarray:
        self._headers()
        tensor = torch.from_numpy(np.array(values))
        with self._connected():
            dist.all_reduce(tensor, operation, group=self._group)
        found: np.ndarray = tensor.numpy()
        return found

    def _headers(self, *numbers: int) -> list[int]:
        """The numbers of all, one process after the other; as many from each.

        Raises:
            OtherProcessError: one of them says that it met a fault.
        """
        status, found = self._signals(_FINE, numbers)
        self._hear(status, b"")
        return found

    def _tell(self, error: BaseException) -> None:
        """In the place of the header that the others wait for."""
        text = f"{type(error).__name__}: {error}".encode("utf-8", "replace")
        try:
            status, _ = self._signals(_FAULT, ())
            self._hear(status, text)
        except ActiVisError:
            pass  # this process has a fault of its own to raise

    def _signals(self, status: int, numbers: Sequence[int]) -> tuple[list[int], list[int]]:
        # Of one length whatever is called, for a process with a fault does not know what the others call.
        table = torch.zeros((self.size, 1 + self.size), dtype=torch.int64)
        table[self.rank, 0] = status
        table[self.rank, 1 : 1 + len(numbers)] = torch.tensor(numbers, dtype=torch.int64)
        with self._connected():
            dist.all_reduce(table, group=self._group)
        return table[:, 0].tolist(), table[:, 1:].flatten().tolist()

    def _hear(self, status: list[int], text: bytes) -> None:
        if not any(status):
            return
        sizes = torch.zeros(self.size, dtype=torch.int64)
        sizes[self.rank] = len(text)
        with self._connected():
            dist.all_reduce(sizes, group=self._group)
        texts = self._bytes([[text]] * self.size, sizes.tolist())
        rank = status.index(_FAULT)
        raise OtherProcessError(f"Process {rank} of {self.size} met a fault. {bytes(texts[rank]).decode()}")

    def _bytes(self, parts: Sequence[Serialized], received: list[int]) -> list[memoryview]:
        """What the others had for this one, as views of one piece of memory."""
        sizes = [_size(part) for part in parts]
        sent = np.empty(sum(sizes), np.uint8)
        at = 0
        for buffer in (buffer for part in parts for buffer in part):
            sent[at : at + len(buffer)] = np.frombuffer(buffer, np.uint8)
            at += len(buffer)
        into = torch.empty(sum(received), dtype=torch.uint8)
        with self._connected():
            dist.all_to_all_single(into, torch.from_numpy(sent), received, sizes, group=self._group)
        whole: memoryview = into.numpy().data
        ends = np.cumsum(received).tolist()
        return [whole[end - size : end] for size, end in zip(received, ends, strict=True)]

    @contextmanager
    def _connected(self) -> Iterator[None]:
        if self._lost:
            raise DisconnectedError("The connection to the other processes was lost at an earlier snapshot.")
        try:
            yield
        except RuntimeError as error:
            self._lost = True
            raise DisconnectedError(f"The other processes cannot be reached; has one of them ended? {error}") from error


def connect(log_dir: str | os.PathLike[str], distributed: bool | None) -> Processes:
    """The processes that log together into this directory.

    Making a group needs all of them, so each first says that it is there, through the store by which they found each other,
    and looks for the rest. The first to make up its mind makes it up for all.

    Arguments:
        distributed: False: this process logs alone. True: with all others, which are waited for as long as the default group
            waits. None: with all others, if they make a logger within `PATIENCE` seconds; alone, if none does.

    Raises:
        ConfigurationError: some processes make a logger and others do not, or `distributed` cannot be had.
    """
    if distributed is not None and not isinstance(distributed, bool):
        raise ConfigurationError(f"distributed must be True, False or None; got {distributed!r}.")
    running = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
    if distributed and not running:
        raise ConfigurationError(
            "distributed=True needs several processes, but torch.distributed is not initialised with more than one. Start "
            "them with torchrun and call torch.distributed.init_process_group first, or leave distributed out."
        )
    if not running or distributed is False:
        return SingleProcess()
    key = hashlib.blake2b(os.path.abspath(log_dir).encode(), digest_size=8).hexdigest()
    _made[key] += 1
    decision = _decision(f"activis/{key}/{_made[key]}", _timeout().total_seconds() if distributed else PATIENCE)
    if decision == "together":
        return TorchProcesses()
    there = decision.split(",")
    if there == [str(dist.get_rank())] and not distributed:
        warnings.warn(
            f"ActiVis: of {dist.get_world_size()} processes no other made a logger for {log_dir} within "
            f"{PATIENCE:g} seconds, so this one logs alone, on the data that it was given. distributed=False says so, and "
            "does not wait.",
            ActiVisWarning,
            stacklevel=4,
        )
        return SingleProcess()
    raise ConfigurationError(
        f"Of {dist.get_world_size()} processes only {', '.join(there)} made a logger for {log_dir} in time. Make it on all of "
        "them, at the same place and for the same directory; or on one of them, with distributed=False."
    )


def broadcast_text(text: str) -> str:
    """What the first process of the default group says, on all of them; all must ask at the same place.

    Through the store by which they found each other: that needs no device, whatever the group's backend is.
    """
    store = dist.distributed_c10d._get_default_store()
    _made["told"] += 1
    name = f"activis/told/{_made['told']}"
    if dist.get_rank() == 0:
        store.set(name, text)
    return bytes(store.get(name)).decode()


def _size(serialized: Serialized) -> int:
    return sum(map(len, serialized))


def _decision(name: str, patience: float) -> str:
    """ "together", or the ranks that were there when the first lost its patience."""
    store = dist.distributed_c10d._get_default_store()
    ranks = [str(rank) for rank in range(dist.get_world_size())]
    store.set(f"{name}/{dist.get_rank()}", "here")
    end = time.monotonic() + patience
    while True:
        if store.check([f"{name}/{rank}" for rank in ranks]):
            proposal = "together"
        elif time.monotonic() > end:
            proposal = ",".join(rank for rank in ranks if store.check([f"{name}/{rank}"]))
        elif store.check([f"{name}/decision"]):
            proposal = "late"  # it is made already
        else:
            time.sleep(0.02)
            continue
        return bytes(store.compare_set(f"{name}/decision", "", proposal)).decode()


def _timeout() -> timedelta:
    """Of the default group."""
    group = dist.distributed_c10d._get_default_group()
    try:
        device = torch.device("cpu") if dist.get_backend() == "gloo" else group._device_types[0]
        timeout = group._get_backend(device).options._timeout
    except (AttributeError, IndexError, RuntimeError):
        timeout = None
    return timeout if isinstance(timeout, timedelta) else dist.distributed_c10d.default_pg_timeout
