"""The state of a model and of the process that logging from PyTorch must restore, for comparison before and after."""

import random
import signal
import warnings
from typing import Any

import numpy as np
import torch
from torch import nn

from tensorboard_activis.capture.torch.model.current_pass import current_pass
from tensorboard_activis.capture.torch.model.thread_state import active_modes

_HOOKS = [
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
]


def process_state(model: nn.Module) -> dict[str, Any]:
    """The state by name, in a form that can be compared."""
    modules = list(model.modules())
    return {
        "hooks": [[list(getattr(module, name).values()) for name in _HOOKS] for module in modules],
        "children": [[id(child) for child in module.children()] for module in modules],
        "attributes": [sorted(vars(module)) for module in modules],
        "flags": [module.training for module in modules],
        "tensors": [tensor.tolist() for tensor in (*model.parameters(), *model.buffers())],
        "gradients": [parameter.grad is None for parameter in model.parameters()],
        "torch": torch.get_rng_state().tolist(),
        "numpy": str(np.random.get_state()),  # noqa: NPY002 - the global state is what could be disturbed
        "python": random.getstate(),
        "grad mode": torch.is_grad_enabled(),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.is_autocast_cache_enabled()),
        "own work": current_pass()[1],
        "modes": [id(mode) for mode in active_modes()],
        "functions": str(torch._C._get_torch_function_state()),  # type: ignore[attr-defined]
        "fast path": torch.backends.mha.get_fastpath_enabled(),
        "train": nn.Module.train,
        "handler": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        "filters": len(warnings.filters),
    }


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Names of the parts of the state that differ."""
    return [name for name in before if before[name] != after[name]]
