"""Buffers of a model on several processes: DistributedDataParallel's forward takes the first one's, and so does ours."""

import hashlib

import torch
from torch import nn

from tensorboard_activis.capture.processes import Processes, broadcast
from tensorboard_activis.capture.torch.serialization import DECODERS, encode


def share_buffers(model: nn.Module, processes: Processes) -> None:
    """Writes the first process's buffers, such as the averages of BatchNorm, into the model on all of them."""
    if processes.size == 1:
        return
    buffers = {name: buffer for name, buffer in model.named_buffers() if _is_plain(buffer)}
    told = [
        _lines(data) for data in processes.all_gather("\n".join(f"{_digest(buffers[n])} {n}" for n in buffers).encode())
    ]
    common = set.intersection(*told)
    wanted = sorted(line.partition(" ")[2] for line in told[0] - common)
    first = {name: buffers[name].detach().cpu() for name in wanted} if processes.rank == 0 else None
    found = broadcast(processes, first, encode, DECODERS) or {}
    with torch.no_grad():
        for name, value in found.items():
            if processes.rank and name in buffers and buffers[name].shape == value.shape:
                buffers[name].copy_(value)


def _is_plain(buffer: torch.Tensor) -> bool:
    """Whether it holds values of its own, all of them."""
    strided = not nn.parameter.is_lazy(buffer) and buffer.layout == torch.strided and not buffer.is_quantized
    return strided and not buffer.is_meta and not hasattr(buffer, "device_mesh")


def _digest(buffer: torch.Tensor) -> str:
    values = buffer.detach().cpu().flatten().view(torch.uint8)
    return hashlib.blake2b(values.numpy().tobytes(), digest_size=16).hexdigest()


def _lines(text: bytes) -> set[str]:
    return set(text.decode().splitlines())
