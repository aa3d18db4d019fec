"""A torch model as a tree of modules with the names a user knows, and what to say of each."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from tensorboard_activis.capture.torch.script_modules import ScriptModuleWrapper

#: Children that only wrap: torch.compile, FSDP and activation checkpointing put them into the path.
_WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")

#: Holds what makes a parameter from another (weight_norm and friends); these modules see weights, not data.
_PARAMETRIZATIONS = "parametrizations"

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_CONTAINER_TYPES = {"Module", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"}


def unwrap(model: nn.Module) -> nn.Module:
    """The user's own model inside DistributedDataParallel, DataParallel and torch.compile."""
    while True:
        if isinstance(model, (nn.parallel.DistributedDataParallel, nn.DataParallel)):
            inner: object = model.module
        else:
            inner = getattr(model, "_orig_mod", None)
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def module_paths(model: nn.Module) -> dict[str, nn.Module]:
    """Path -> module, wrappers left out; a module with several paths has the first. The model itself is ""."""
    found: dict[str, nn.Module] = {}
    for path, module in model.named_modules():
        parts = path.split(".") if path else []
        if _PARAMETRIZATIONS in parts or _is_wrapper(module):
            continue
        found.setdefault(plain_path(path), module)
    return found


def plain_path(path: str) -> str:
    """The path without wrappers."""
    return ".".join(part for part in path.split(".") if part not in _WRAPPERS)


def _is_wrapper(module: nn.Module) -> bool:
    return any(name in module._modules for name in _WRAPPERS)


def type_name(module: nn.Module) -> str:
    """The class a user wrote, without the prefixes of classes that torch makes on the fly."""
    name = str(getattr(module, "original_name", type(module).__name__))
    if hasattr(module, _PARAMETRIZATIONS):
        return name.removeprefix("Parametrized")
    return name.removeprefix("FSDP") if hasattr(module, "set_reshard_after_forward") else name


def is_builtin(module: nn.Module) -> bool:
    """Whether this is a layer of torch itself, whose inside is nobody's business: no container, no user's class."""
    return any(
        base.__module__.startswith(("torch.nn.", "torch.ao.nn.")) and base.__name__ not in _CONTAINER_TYPES
        for base in type(module).__mro__
    )


def count_parameters(module: nn.Module) -> int:
    """Number of trainable and frozen parameters with those inside; one that is used twice counts once."""
    lazy = nn.parameter.UninitializedParameter
    return sum(parameter.numel() for parameter in module.parameters() if not isinstance(parameter, lazy))


def count_frozen(module: nn.Module) -> int:
    """As `count_parameters`, of those that training does not change."""
    lazy = nn.parameter.UninitializedParameter
    parameters = (parameter for parameter in module.parameters() if not isinstance(parameter, lazy))
    return sum(parameter.numel() for parameter in parameters if not parameter.requires_grad)


def count_buffers(module: nn.Module) -> int:
    """Number of values that are no parameters but belong to the module or to those inside: running means, tables, masks."""
    return sum(buffer.numel() for buffer in module.buffers() if not nn.parameter.is_lazy(buffer))


TensorOrPacked = torch.Tensor | PackedSequence


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, TensorOrPacked]]:
    """Every tensor of a nested output with its part: ("[1][0]", c) for an LSTM; ("", x) for a lone tensor."""
    if isinstance(value, (torch.Tensor, PackedSequence)):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}[{key}]")
    elif isinstance(value, (list, tuple)):
        for position, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{position}]")
    elif is_dataclass(value) and not isinstance(value, type):
        for entry in fields(value):
            yield from leaves(getattr(value, entry.name), f"{path}[{entry.name}]")


def parts(value: Any) -> list[tuple[str, TensorOrPacked]]:
    """As `leaves`, but an output with a single tensor, however wrapped, is that tensor and needs no part."""
    found = list(leaves(value))
    return [("", found[0][1])] if len(found) == 1 else found


def describe(module: nn.Module) -> dict[str, str]:
    """What a person wants to know of a module, as short texts: kernel, stride, features, dropout probability."""
    told: dict[str, str] = {}
    for label, names in _ATTRIBUTES:
        for name in names:
            text = _text(getattr(module, name, None))
            if text is not None and set(text.split("×")) != {_BORING.get(name)}:
                told[label] = text
                break
    if isinstance(module, _CONTAINERS):
        told = {}
    else:
        bias: object = getattr(module, "bias", None)
        if "bias" in module._parameters or isinstance(bias, (bool, torch.Tensor)):
            told["bias"] = "no" if bias is None or bias is False else "yes"
    if hasattr(module, _PARAMETRIZATIONS):
        told["parametrized"] = ", ".join(module.parametrizations)  # type: ignore[arg-type]
    if "quantized" in type(module).__module__ and type(module).__module__.startswith("torch.ao."):
        told["quantized"] = "weights are packed integers, which are not counted as parameters"
    if isinstance(module, ScriptModuleWrapper):
        told["note"] = "ScriptModule: its inside cannot be seen"
    return told


#: label -> attribute names that modules of torch (and most of others) use for it.
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

#: Values that go without saying.
_BORING = {
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
