"""Serializes tensors that are sent to other processes; the rest of a message is up to `capture.serialization`."""

from typing import Any

import torch
from torch.nn.utils.rnn import PackedSequence


def encode(value: Any) -> tuple[str, Any] | None:
    """Encodes strided tensors and packed sequences: (kind, content), with a decoder in `DECODERS`; None for any other value."""
    if isinstance(value, PackedSequence):
        return "packed", tuple(value)
    if not isinstance(value, torch.Tensor) or value.layout != torch.strided:
        return None
    if value.is_nested or value.is_quantized or value.is_meta or hasattr(value, "device_mesh"):
        return None
    plain = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
    content = plain.reshape(-1).view(torch.uint8).numpy()
    return "tensor", (str(value.dtype).removeprefix("torch."), list(value.shape), content)


def _tensor(encoded: tuple[str, list[int], Any]) -> torch.Tensor:
    dtype_name, shape, content = encoded
    dtype = getattr(torch, dtype_name)
    assert isinstance(dtype, torch.dtype)
    if not content.size:
        return torch.empty(shape, dtype=dtype)
    return torch.from_numpy(content.copy()).view(dtype).reshape(shape)


def _packed(encoded: tuple[Any, ...]) -> PackedSequence:
    return PackedSequence(*encoded)


#: By kind, functions that make the value of its content again.
DECODERS = {"tensor": _tensor, "packed": _packed}
