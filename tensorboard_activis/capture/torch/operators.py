"""Which operators a person thinks of as steps of a model, and what they are called."""

from collections.abc import Sequence
from typing import Any

import torch

#: These pick, order, cast or copy values; the data flow is drawn through them.
_PLUMBING = {
    "get",
    "set",
    "to",
    "type",
    "type_as",
    "float",
    "half",
    "bfloat16",
    "double",
    "cpu",
    "cuda",
    "clone",
    "contiguous",
    "detach",
    "alias",
    "view",
    "view_as",
    "reshape",
    "reshape_as",
    "permute",
    "transpose",
    "swapaxes",
    "swapdims",
    "movedim",
    "moveaxis",
    "t",
    "squeeze",
    "unsqueeze",
    "expand",
    "expand_as",
    "broadcast_to",
    "unflatten",
    "getitem",
    "select",
    "narrow",
    "index_select",
    "chunk",
    "split",
    "tensor_split",
    "unbind",
    "as_strided",
    "dequantize",
    "pack_padded_sequence",
    "pad_packed_sequence",
    "to_padded_tensor",
    "zeros_like",
    "ones_like",
    "empty_like",
    "full_like",
    "rand_like",
    "randn_like",
    "new_zeros",
    "new_ones",
    "new_full",
    "new_empty",
    "new_tensor",
}

#: A reversed operator is the same step: 1 - x.
_REVERSED = {
    "rsub": "sub",
    "rdiv": "div",
    "rtruediv": "div",
    "rpow": "pow",
    "radd": "add",
    "rmul": "mul",
    "rmatmul": "matmul",
}


def operator_name(func: Any) -> str:
    """The step's own name: "relu" for relu_, "sub" for __rsub__; "get" for a property."""
    name = str(getattr(func, "__name__", func)).strip("_")
    return _REVERSED.get(name, name)


def is_counted(name: str) -> bool:
    """Whether a pass that runs it, or not, is on another path. Only the name is looked at, for that costs nothing."""
    return name not in _PLUMBING


def is_plumbing(name: str, outputs: Sequence[torch.Tensor]) -> bool:
    """Whether the data flow is drawn through it. Comparisons and positions are, too: their output is no activation."""
    return name in _PLUMBING or not any(leaf.is_floating_point() or leaf.is_complex() for leaf in outputs)
