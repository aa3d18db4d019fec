"""Restores the state that torch has per thread (gradient mode, autocast, function modes) after a pass.

An interrupted `with` statement inside a pass may leave it changed.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def leave_modes(count: int) -> None:
    """Leaves TorchFunctionModes until so many are active, also those that an interrupt left on the stack."""
    while torch._C._len_torch_function_stack() > count:
        torch._C._pop_torch_function_stack()


@contextmanager
def thread_state() -> Iterator[None]:
    """Restores the gradient mode, autocast and the stack of TorchFunctionModes at the end of a `with` block."""
    gradients = torch.is_grad_enabled()
    devices = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    casts = [(device, torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)) for device in devices]
    modes, functions = torch._C._len_torch_function_stack(), torch._C._get_torch_function_state()  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch._C._set_torch_function_state(functions)  # type: ignore[attr-defined]
        leave_modes(modes)
        for device, enabled, dtype in casts:
            torch.set_autocast_enabled(device, enabled)
            torch.set_autocast_dtype(device, dtype)
        torch.set_grad_enabled(gradients)
