"""Broadcasts the model's buffers from the first process, as the forward of DistributedDataParallel does."""

import hashlib

import torch
from torch import nn

from tensorboard_activis.capture.distributed.processes import Processes, broadcast
from tensorboard_activis.capture.torch.distributed.serialization import DECODERS, encode


def broadcast_buffers(model: nn.Module, processes: Processes) -> None:
    """Broadcasts the buffers of the first process, such as BatchNorm's running means; only those that differ are sent."""
    if processes.size == 1:
        return
    buffers = {name: buffer for name, buffer in model.named_buffers() if _is_ordinary(buffer)}
    digests = [
        _lines(data) for data in processes.all_gather("\n".join(f"{_digest(buffers[n])} {n}" for n in buffers).encode())
    ]
    equal_everywhere = set.intersection(*digests)
    names = sorted(line.partition(" ")[2] for line in digests[0] - equal_everywhere)
    first = {name: buffers[name].detach().cpu() for name in names} if processes.rank == 0 else None
    received = broadcast(processes, first, encode, DECODERS) or {}
    with torch.no_grad():
        for name, value in received.items():
            if processes.rank and name in buffers and buffers[name].shape == value.shape:
                buffers[name].copy_(value)


def _is_ordinary(buffer: torch.Tensor) -> bool:
    """Whether this is an ordinary strided tensor: not lazy, quantized, on the meta device or sharded."""
    strided = not nn.parameter.is_lazy(buffer) and buffer.layout == torch.strided and not buffer.is_quantized
    return strided and not buffer.is_meta and not hasattr(buffer, "device_mesh")


def _digest(buffer: torch.Tensor) -> str:
    """A hash of the buffer's values."""
    values = buffer.detach().cpu().flatten().view(torch.uint8)
    return hashlib.blake2b(values.numpy().tobytes(), digest_size=16).hexdigest()


def _lines(text: bytes) -> set[str]:
    return set(text.decode().splitlines())
