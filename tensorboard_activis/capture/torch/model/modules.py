"""Paths, types and attributes of a model's modules, and the tensors of their outputs."""

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from tensorboard_activis.capture.torch.model.script_modules import ScriptModuleWrapper

#: Names that wrappers (torch.compile, FSDP, activation checkpointing) add to paths.
_WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")

#: Child that computes a parameter from another, as weight_norm does; its modules get weights, not data.
_PARAMETRIZATIONS = "parametrizations"

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_CONTAINER_TYPES = {"Module", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"}


def unwrap(model: nn.Module) -> nn.Module:
    """Unwraps DistributedDataParallel, DataParallel and torch.compile: the user's own model."""
    while True:
        if isinstance(model, (nn.parallel.DistributedDataParallel, nn.DataParallel)):
            inner: object = model.module
        else:
            inner = getattr(model, "_orig_mod", None)
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def module_paths(model: nn.Module) -> dict[str, nn.Module]:
    """All modules of the model by path, without wrappers; a module with several paths has the first. The model's own path is ""."""
    modules: dict[str, nn.Module] = {}
    for path, module in model.named_modules():
        names = path.split(".") if path else []
        if _PARAMETRIZATIONS in names or _is_wrapper(module):
            continue
        modules.setdefault(plain_path(path), module)
    return modules


def plain_path(path: str) -> str:
    """The path without the names of wrappers such as `_orig_mod`."""
    return ".".join(name for name in path.split(".") if name not in _WRAPPERS)


def _is_wrapper(module: nn.Module) -> bool:
    return any(name in module._modules for name in _WRAPPERS)


def type_name(module: nn.Module) -> str:
    """Name of the module's class, without the prefixes that parametrization and FSDP put before it."""
    name = str(getattr(module, "original_name", type(module).__name__))
    if hasattr(module, _PARAMETRIZATIONS):
        return name.removeprefix("Parametrized")
    return name.removeprefix("FSDP") if hasattr(module, "set_reshard_after_forward") else name


def is_builtin(module: nn.Module) -> bool:
    """Whether this is a layer that torch provides, shown as one node: neither a container nor a class of the user's."""
    return any(
        base.__module__.startswith(("torch.nn.", "torch.ao.nn.")) and base.__name__ not in _CONTAINER_TYPES
        for base in type(module).__mro__
    )


def runs_own_forward(module: nn.Module) -> bool:
    """Whether this is a layer that torch provides, with torch's own forward: a subclass may permute or squeeze in its own."""
    owner = next((base for base in type(module).__mro__ if "forward" in vars(base)), nn.Module)
    return is_builtin(module) and owner.__module__.startswith(("torch.nn.", "torch.ao.nn."))


TensorOrPacked = torch.Tensor | PackedSequence


def nested_tensors(value: Any, key_path: str = "") -> Iterator[tuple[str, TensorOrPacked]]:
    """Yields every tensor of a nested value with its key path: ("[1][0]", h) for an LSTM's hidden state, ("", x) for a tensor."""
    if isinstance(value, (torch.Tensor, PackedSequence)):
        yield key_path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from nested_tensors(inner, f"{key_path}[{key}]")
    elif isinstance(value, (list, tuple)):
        for position, inner in enumerate(value):
            yield from nested_tensors(inner, f"{key_path}[{position}]")
    elif is_dataclass(value) and not isinstance(value, type):
        for entry in fields(value):
            yield from nested_tensors(getattr(value, entry.name), f"{key_path}[{entry.name}]")


def output_tensors(value: Any) -> list[tuple[str, TensorOrPacked]]:
    """As `nested_tensors`, as a list; the key path of a single tensor is "", however it is nested.

    Within `torch.func.vmap` and `grad`, tensors are those inside of theirs, with all axes.
    """
    if isinstance(value, torch.Tensor):  # without the cost of going through it
        return [("", _transformed(value))]
    tensors = [(key_path, _transformed(tensor)) for key_path, tensor in nested_tensors(value)]
    return [("", tensors[0][1])] if len(tensors) == 1 else tensors


def with_tensor(value: Any, tensor: TensorOrPacked, other: TensorOrPacked) -> Any:
    """A nested value with another tensor in the place of one of its tensors; containers are copied where that is possible."""
    if value is tensor:
        return other
    if isinstance(value, (torch.Tensor, PackedSequence)):
        return value
    if isinstance(value, Mapping):
        changed = copy.copy(value)
        for key, inner in value.items():
            new = with_tensor(inner, tensor, other)
            if new is not inner:
                changed[key] = new  # type: ignore[index]
        return changed
    if isinstance(value, (list, tuple)):
        parts = [with_tensor(inner, tensor, other) for inner in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if is_dataclass(value) and not isinstance(value, type):
        parts_by_name = {entry.name: getattr(value, entry.name) for entry in fields(value)}
        return replace(value, **{name: with_tensor(inner, tensor, other) for name, inner in parts_by_name.items()})
    return value


def _transformed(tensor: TensorOrPacked) -> TensorOrPacked:
    """The tensor that a transformation of `torch.func` works on; any other tensor itself."""
    while isinstance(tensor, torch.Tensor) and torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        tensor = torch._C._functorch.get_unwrapped(tensor)
    return tensor


def nested_lengths(tensor: torch.Tensor) -> torch.Tensor:
    """Lengths of the sequences of a nested tensor, int64 [instances]: along the axis in which they differ, or else the first."""
    shapes = [tuple(sequence.shape) for sequence in tensor.unbind()]
    differing = [axis for axis in range(tensor.dim() - 1) if len({shape[axis] for shape in shapes}) > 1]
    axis = differing[0] if differing else 0
    return torch.tensor([shape[axis] for shape in shapes], device=tensor.device)


def argument_names(model: nn.Module, count: int) -> list[str]:
    """Names of the model's first positional arguments."""
    code = getattr(model.forward, "__code__", None)
    names = list(code.co_varnames[1 : code.co_argcount]) if code is not None else []
    return names[:count] if len(names) >= count else ["input", *(f"input_{index}" for index in range(1, count))][:count]


def module_attributes(module: nn.Module) -> dict[str, str]:
    """The hyperparameters of a module to show, by label, as short texts: kernel, stride, features, dropout probability."""
    attributes: dict[str, str] = {}
    for label, names in _ATTRIBUTES:
        for name in names:
            text = _text(getattr(module, name, None))
            if text is not None and set(text.split("×")) != {_DEFAULTS.get(name)}:
                attributes[label] = text
                break
    if isinstance(module, _CONTAINERS):
        attributes = {}
    else:
        bias: object = getattr(module, "bias", None)
        if "bias" in module._parameters or isinstance(bias, (bool, torch.Tensor)):
            attributes["bias"] = "no" if bias is None or bias is False else "yes"
    if hasattr(module, _PARAMETRIZATIONS):
        attributes["parametrized"] = ", ".join(module.parametrizations)  # type: ignore[arg-type]
    if "quantized" in type(module).__module__ and type(module).__module__.startswith("torch.ao."):
        attributes["quantized"] = "weights are packed integers, which are not counted as parameters"
    if isinstance(module, ScriptModuleWrapper):
        attributes["note"] = "ScriptModule: its inside cannot be seen"
    return attributes


#: Label -> names of the attribute in torch's modules; the first one that a module has is shown.
_ATTRIBUTES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("kernel", ("kernel_size",)),
    ("stride", ("stride",)),
    ("padding", ("padding",)),
    ("dilation", ("dilation",)),
    ("groups", ("groups",)),
    ("in channels", ("in_channels",)),
    ("out channels", ("out_channels",)),
    ("in features", ("in_features",)),
    ("out features", ("out_features",)),
    ("features", ("num_features", "num_channels")),
    ("shape", ("normalized_shape",)),
    ("embeddings", ("num_embeddings",)),
    ("dimension", ("embedding_dim", "embed_dim", "d_model")),
    ("heads", ("num_heads", "nhead")),
    ("input size", ("input_size",)),
    ("hidden size", ("hidden_size",)),
    ("layers", ("num_layers",)),
    ("bidirectional", ("bidirectional",)),
    ("batch first", ("batch_first",)),
    ("output size", ("output_size",)),
    ("p", ("p",)),
    ("dropout", ("dropout",)),
    ("negative slope", ("negative_slope",)),
    ("approximate", ("approximate",)),
)

#: Default values, which are not shown.
_DEFAULTS = {
    "padding": "0",
    "dilation": "1",
    "groups": "1",
    "num_layers": "1",
    "bidirectional": "no",
    "approximate": "none",
    "dropout": "0",
}


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}" if math.isfinite(value) else None
    if isinstance(value, (int, str)):
        return str(value)
    if isinstance(value, (tuple, list)) and value and all(isinstance(size, int) for size in value):
        sizes = [str(size) for size in value]
        return "×".join(sizes) if len(sizes) > 1 else sizes[0]
    return None
