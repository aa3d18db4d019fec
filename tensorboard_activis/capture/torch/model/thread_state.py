"""Restores the state that torch has per thread (gradient mode, autocast, function modes) after a pass.

An interrupted `with` statement inside a pass may leave it changed.
"""

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch.overrides import TorchFunctionMode

from tensorboard_activis.capture.isolation.interrupts import uninterrupted, within

T = TypeVar("T")


def without_autocast(device: str, body: Callable[[], T]) -> T:
    """Runs the body with autocast off on this type of device, and returns its result."""
    if not torch.is_autocast_enabled(device):
        return body()
    return within(body, torch.autocast(device, enabled=False))


def functions_state() -> Any:
    """Whether torch functions are seen by modes and subclasses in this thread, for `restore_functions`."""
    return torch._C._get_torch_function_state()  # type: ignore[attr-defined]


def restore_functions(state: Any) -> None:
    """Undoes a `DisableTorchFunction` whose end an interrupt left out."""
    torch._C._set_torch_function_state(state)  # type: ignore[attr-defined]


class PassMode(TorchFunctionMode):
    """Sees the torch functions of one forward pass in this thread, from `enter` to `leave`.

    Those of several watches may be left in any order.
    """

    _is_entered = False

    def enter(self) -> None:
        """Begins to see them."""
        uninterrupted(self._enter)

    def leave(self) -> None:
        """Sees no more, and leaves what an interrupt left above; safe to call twice."""
        if self._is_entered:
            uninterrupted(self._leave)

    def _enter(self) -> None:
        self._is_entered = True
        self.__enter__()  # type: ignore[no-untyped-call]

    def _leave(self) -> None:
        self._is_entered = False
        _end_interrupted_calls()  # one of them may have taken this mode off the stack
        count = torch._C._len_torch_function_stack()
        modes = [torch._C._get_function_stack_at(index) for index in range(count)]
        if self in modes:
            place = modes.index(self)
            leave_modes(place)
            for mode in modes[place + 1 :]:
                if isinstance(mode, PassMode) and mode._is_entered:
                    torch._C._push_on_torch_function_stack(mode)


def leave_modes(count: int) -> None:
    """Leaves TorchFunctionModes until so many are active, also those that an interrupt left on the stack."""
    _end_interrupted_calls()
    while torch._C._len_torch_function_stack() > count:
        torch._C._pop_torch_function_stack()


def _end_interrupted_calls() -> None:
    """Has torch put back each mode that it took off the stack for a call which an interrupt ended.

    It does so in a generator. Where the interrupt came as this was about to be left, the traceback would keep it until the
    exception is forgotten, and the mode would be back on the stack long after ours were left.
    """
    within_torch = False
    error = sys.exception()
    for frame, _ in traceback.walk_tb(error.__traceback__ if error else None):
        file = frame.f_code.co_filename
        if file == torch.overrides.__file__ or (within_torch and file == contextlib.__file__):
            within_torch = True
            with contextlib.suppress(RuntimeError):  # it is running
                frame.clear()
        else:
            within_torch = False


@contextmanager
def thread_state() -> Iterator[None]:
    """Restores the gradient mode, autocast and the stack of TorchFunctionModes at the end of a `with` block."""
    gradients = torch.is_grad_enabled()
    devices = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    casts = [(device, torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)) for device in devices]
    modes, functions = torch._C._len_torch_function_stack(), functions_state()
    try:
        yield
    finally:
        restore_functions(functions)
        leave_modes(modes)
        for device, enabled, dtype in casts:
            torch.set_autocast_enabled(device, enabled)
            torch.set_autocast_dtype(device, dtype)
        torch.set_grad_enabled(gradients)
