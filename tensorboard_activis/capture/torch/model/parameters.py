"""Counts, device, dtype and state of a model's parameters and buffers."""

import torch
from torch import nn

from tensorboard_activis.capture.torch.model.modules import unwrap


def count_parameters(module: nn.Module) -> int:
    """Number of parameter values, trainable and frozen, children included. A shared parameter counts once."""
    lazy = nn.parameter.UninitializedParameter
    return sum(parameter.numel() for parameter in module.parameters() if not isinstance(parameter, lazy))


def count_frozen(module: nn.Module) -> int:
    """Number of frozen parameter values: those with `requires_grad=False`."""
    lazy = nn.parameter.UninitializedParameter
    parameters = (parameter for parameter in module.parameters() if not isinstance(parameter, lazy))
    return sum(parameter.numel() for parameter in parameters if not parameter.requires_grad)


def count_buffers(module: nn.Module) -> int:
    """Number of values in buffers, children included: running means, tables, masks."""
    return sum(buffer.numel() for buffer in module.buffers() if not nn.parameter.is_lazy(buffer))


def is_lazy(model: nn.Module) -> bool:
    """Whether the model has lazy parameters or buffers, which the first forward pass initializes."""
    tensors = (*model.parameters(), *model.buffers())
    return any(nn.parameter.is_lazy(tensor) for tensor in tensors)


def is_sharded(model: nn.Module) -> bool:
    """Whether parameters are sharded over several processes: after `fully_shard`, or in FSDP 1's wrapper."""
    distributed = [parameter for parameter in model.parameters() if hasattr(parameter, "device_mesh")]
    wrappers = [module for module in model.modules() if type(module).__name__ == "FullyShardedDataParallel"]
    sizes = [parameter.device_mesh.size() for parameter in distributed] + [wrapper.world_size for wrapper in wrappers]
    # After a forward pass, the parameters of `fully_shard`'s root are whole until the next backward pass.
    if any(base.__name__ == "FSDPModule" for module in model.modules() for base in type(module).__mro__):
        sizes.append(torch.distributed.get_world_size())
    return any(size > 1 for size in sizes)


def model_device(model: nn.Module) -> torch.device:
    """Device of the model's first parameter or buffer; the CPU if it has neither."""
    for tensor in (*unwrap(model).parameters(), *unwrap(model).buffers()):
        return tensor.device
    return torch.device("cpu")


def parameter_dtype(model: nn.Module) -> torch.dtype | None:
    """The one floating dtype of all parameters; None if there are several, or none."""
    dtypes = {parameter.dtype for parameter in unwrap(model).parameters() if parameter.is_floating_point()}
    return dtypes.pop() if len(dtypes) == 1 else None
