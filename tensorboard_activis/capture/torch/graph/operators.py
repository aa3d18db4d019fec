"""Which operators get a node in the graph, and their names."""

from collections.abc import Sequence
from typing import Any

import torch

#: These select, reorder, cast or copy values. They get no node; edges pass through them.
_WITHOUT_NODE = {
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

#: Reflected operators, as in 1 - x, have the name of the operator.
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
    """Name of an operator: "relu" for relu_, "sub" for __rsub__; "get" for a property."""
    name = str(getattr(func, "__name__", func)).strip("_")
    return _REVERSED.get(name, name)


def is_counted(name: str) -> bool:
    """Whether the operator counts when execution paths are compared. By the name alone, which is cheap."""
    return name not in _WITHOUT_NODE


def takes_shape_only(name: str) -> bool:
    """Whether the operator takes no values of its inputs, but only their shape: `zeros_like`, `new_zeros`."""
    return name.endswith("_like") or name.startswith("new_")


def has_no_node(name: str, outputs: Sequence[torch.Tensor]) -> bool:
    """Whether the operator gets no node. Operators with integer or boolean output do not either: it is no activation."""
    return name in _WITHOUT_NODE or not any(tensor.is_floating_point() or tensor.is_complex() for tensor in outputs)
