"""Tensors on their way from one process to another; see `capture.serialization`."""

from typing import Any

import torch
from torch.nn.utils.rnn import PackedSequence


def encode(value: Any) -> tuple[str, Any] | None:
    """Tensors whose values lie one after the other, and packed sequences of them."""
    if isinstance(value, PackedSequence):
        return "packed", tuple(value)
    if not isinstance(value, torch.Tensor) or value.layout != torch.strided:
        return None
    if value.is_nested or value.is_quantized or value.is_meta or hasattr(value, "device_mesh"):
        return None
    plain = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
    content = plain.reshape(-1).view(torch.uint8).numpy()
    return "tensor", (str(value.dtype).removeprefix("torch."), list(value.shape), content)


def _tensor(told: tuple[str, list[int], Any]) -> torch.Tensor:
    name, shape, content = told
    dtype = getattr(torch, name)
    assert isinstance(dtype, torch.dtype)
    if not content.size:
        return torch.empty(shape, dtype=dtype)
    return torch.from_numpy(content.copy()).view(dtype).reshape(shape)


def _packed(told: tuple[Any, ...]) -> PackedSequence:
    return PackedSequence(*told)


DECODERS = {"tensor": _tensor, "packed": _packed}
