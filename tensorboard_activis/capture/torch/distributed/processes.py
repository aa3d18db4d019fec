"""Collective operations (all-gather, all-reduce, all-to-all) by torch.distributed, in a gloo process group of our own.

The group is separate from that of training, which may be NCCL, so that logging does not interfere with its collectives.
"""

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

from tensorboard_activis.capture.distributed.processes import (
    DisconnectedError,
    OtherProcessError,
    Processes,
    SingleProcess,
)
from tensorboard_activis.capture.distributed.serialization import Serialized
from tensorboard_activis.errors import ActiVisError, ActiVisWarning, ConfigurationError

#: Seconds that a process waits for the others to make their logger, without `distributed=True`.
PATIENCE = 30.0

_OK, _FAILED = 0, 1
#: Number of loggers made, by directory: the n-th of this process belongs to the n-th of the other processes.
_counts: Counter[str] = Counter()


class TorchProcesses:
    """The processes of the default process group. All of them must create it at the same point. See `Processes`.

    Every collective begins with a header from each process: whether an exception was raised in it, and how many bytes it sends.

    Attributes:
        rank: of this process, from 0.
        size: number of processes.
    """

    def __init__(self) -> None:
        self.rank = dist.get_rank()
        self.size = dist.get_world_size()
        self._group = dist.new_group(backend="gloo", timeout=_timeout())
        self._disconnected = False

    def any(self, flag: bool) -> bool:
        """Whether the flag is true in any process."""
        return any(self._headers(int(flag)))

    def all_gather(self, data: bytes) -> list[bytes]:
        """The data of all processes, in order of rank."""
        return [bytes(part) for part in self.all_to_all([[data]] * self.size)]

    def all_to_all(self, parts: Sequence[Serialized]) -> list[memoryview]:
        """Sends one part to every process, and returns the parts that they sent to this one, in order of rank."""
        sizes = self._headers(*(_size(part) for part in parts))
        received = [sizes[rank * self.size + self.rank] for rank in range(self.size)]
        if not any(sizes):
            return [memoryview(b"")] * self.size
        return self._exchange_bytes(parts, received)

    def sum(self, values: np.ndarray) -> np.ndarray:
        """The elementwise sum over processes; arrays have the same shape and dtype in all."""
        return self._all_reduce(values, dist.ReduceOp.SUM)

    def min(self, values: np.ndarray) -> np.ndarray:
        """The elementwise minimum over processes; as `sum`."""
        return self._all_reduce(values, dist.ReduceOp.MIN)

    def max(self, values: np.ndarray) -> np.ndarray:
        """The elementwise maximum over processes; as `sum`."""
        return self._all_reduce(values, dist.ReduceOp.MAX)

    @contextmanager
    def collective(self) -> Iterator[None]:
        """A `with` block that all processes run: if one raises an exception, the others raise `OtherProcessError`."""
        try:
            yield
        except OtherProcessError:
            raise
        except BaseException as error:
            if not self._disconnected:
                self._send_exception(error)
            raise
        self._headers()

    def _all_reduce(self, values: np.ndarray, operation: Any) -> np.ndarray:
        self._headers()
        tensor = torch.from_numpy(np.array(values))
        with self._connection():
            dist.all_reduce(tensor, operation, group=self._group)
        result: np.ndarray = tensor.numpy()
        return result

    def _headers(self, *numbers: int) -> list[int]:
        """Sends the numbers of this process to all, and returns those of all processes, one after the other.

        Raises:
            OtherProcessError: an exception was raised in one of them.
        """
        status, received = self._all_reduce_header(_OK, numbers)
        self._raise_if_failed(status, b"")
        return received

    def _send_exception(self, error: BaseException) -> None:
        """Sends the exception instead of the header that the other processes wait for."""
        text = f"{type(error).__name__}: {error}".encode("utf-8", "replace")
        try:
            status, _ = self._all_reduce_header(_FAILED, ())
            self._raise_if_failed(status, text)
        except ActiVisError:
            pass  # this process raises its own exception

    def _all_reduce_header(self, status: int, numbers: Sequence[int]) -> tuple[list[int], list[int]]:
        # Of the same length for every collective: a process with an exception does not know which one the others call.
        table = torch.zeros((self.size, 1 + self.size), dtype=torch.int64)
        table[self.rank, 0] = status
        table[self.rank, 1 : 1 + len(numbers)] = torch.tensor(numbers, dtype=torch.int64)
        with self._connection():
            dist.all_reduce(table, group=self._group)
        return table[:, 0].tolist(), table[:, 1:].flatten().tolist()

    def _raise_if_failed(self, status: list[int], text: bytes) -> None:
        if not any(status):
            return
        sizes = torch.zeros(self.size, dtype=torch.int64)
        sizes[self.rank] = len(text)
        with self._connection():
            dist.all_reduce(sizes, group=self._group)
        texts = self._exchange_bytes([[text]] * self.size, sizes.tolist())
        rank = status.index(_FAILED)
        raise OtherProcessError(f"Process {rank} of {self.size} failed. {bytes(texts[rank]).decode()}")

    def _exchange_bytes(self, parts: Sequence[Serialized], received: list[int]) -> list[memoryview]:
        """The parts that all processes sent to this one, as views of one buffer."""
        sizes = [_size(part) for part in parts]
        input_buffer = np.empty(sum(sizes), np.uint8)
        offset = 0
        for buffer in (buffer for part in parts for buffer in part):
            input_buffer[offset : offset + len(buffer)] = np.frombuffer(buffer, np.uint8)
            offset += len(buffer)
        output = torch.empty(sum(received), dtype=torch.uint8)
        with self._connection():
            dist.all_to_all_single(output, torch.from_numpy(input_buffer), received, sizes, group=self._group)
        view: memoryview = output.numpy().data
        ends = np.cumsum(received).tolist()
        return [view[end - size : end] for size, end in zip(received, ends, strict=True)]

    @contextmanager
    def _connection(self) -> Iterator[None]:
        if self._disconnected:
            raise DisconnectedError("The connection to the other processes was lost at an earlier snapshot.")
        try:
            yield
        except RuntimeError as error:
            self._disconnected = True
            raise DisconnectedError(f"The other processes cannot be reached; has one of them ended? {error}") from error


def connect(log_dir: str | os.PathLike[str], distributed: bool | None) -> Processes:
    """Finds the processes that log together into this directory.

    Creating a process group needs all of them, so each first registers in the store of the default group and waits for the others.
    The first process that decides, decides for all.

    Arguments:
        log_dir: the directory.
        distributed: False: this process logs alone. True: with all others; waits for them up to the timeout of the default group.
            None: with all others if they make a logger within `PATIENCE` seconds, alone if none does.

    Raises:
        ConfigurationError: some processes make a logger and others do not, or `distributed=True` without several processes.
    """
    if distributed is not None and not isinstance(distributed, bool):
        raise ConfigurationError(f"distributed must be True, False or None; got {distributed!r}.")
    has_processes = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
    if distributed and not has_processes:
        raise ConfigurationError(
            "distributed=True needs several processes, but torch.distributed is not initialised with more than one. Start "
            "them with torchrun and call torch.distributed.init_process_group first, or leave distributed out."
        )
    if not has_processes or distributed is False:
        return SingleProcess()
    key = hashlib.blake2b(os.path.abspath(log_dir).encode(), digest_size=8).hexdigest()
    _counts[key] += 1
    decision = _decide(f"activis/{key}/{_counts[key]}", _timeout().total_seconds() if distributed else PATIENCE)
    if decision == "together":
        return TorchProcesses()
    ranks = decision.split(",")
    if ranks == [str(dist.get_rank())] and not distributed:
        warnings.warn(
            f"ActiVis: of {dist.get_world_size()} processes no other made a logger for {log_dir} within "
            f"{PATIENCE:g} seconds, so this one logs alone, on its own data. If that is what you want, give distributed=False, "
            "which does not wait; if not, make the logger on all processes.",
            ActiVisWarning,
            stacklevel=4,
        )
        return SingleProcess()
    raise ConfigurationError(
        f"Of {dist.get_world_size()} processes only {', '.join(ranks)} made a logger for {log_dir} in time. Make it on all of "
        "them, at the same place and for the same directory; or on one of them, with distributed=False."
    )


def broadcast_text(text: str) -> str:
    """Broadcasts a text from the first process of the default group; all processes must call it at the same point.

    Uses the store of the default group, which needs no device, whatever the backend.
    """
    store = dist.distributed_c10d._get_default_store()
    _counts["text"] += 1
    name = f"activis/text/{_counts['text']}"
    if dist.get_rank() == 0:
        store.set(name, text)
    return bytes(store.get(name)).decode()


def _size(serialized: Serialized) -> int:
    return sum(map(len, serialized))


def _decide(name: str, patience: float) -> str:
    """ "together", or the ranks, separated by commas, that had registered when the first process stopped waiting."""
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
            proposal = "late"  # another process has decided already
        else:
            time.sleep(0.02)
            continue
        return bytes(store.compare_set(f"{name}/decision", "", proposal)).decode()


def _timeout() -> timedelta:
    """Timeout of the default process group."""
    group = dist.distributed_c10d._get_default_group()
    try:
        device = torch.device("cpu") if dist.get_backend() == "gloo" else group._device_types[0]
        timeout = group._get_backend(device).options._timeout
    except (AttributeError, IndexError, RuntimeError):
        timeout = None
    return timeout if isinstance(timeout, timedelta) else dist.distributed_c10d.default_pg_timeout
