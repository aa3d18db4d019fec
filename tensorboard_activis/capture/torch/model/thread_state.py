"""Changes and restores the state that torch has per thread: gradient mode, autocast, function modes.

An interrupted `with` statement inside a pass may leave it changed.
"""

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
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
    _below: tuple[TorchFunctionMode, ...] = ()

    def enter(self) -> None:
        """Begins to see them."""
        uninterrupted(self._enter)

    def leave(self) -> None:
        """Sees no more, and has other modes as they were if an exception ended the pass; safe to call twice."""
        if self._is_entered:
            uninterrupted(self._leave)

    def _enter(self) -> None:
        self._is_entered, self._below = True, tuple(active_modes())
        self.__enter__()  # type: ignore[no-untyped-call]

    def _leave(self) -> None:
        self._is_entered = False
        _end_interrupted_calls()  # one of them may have taken this mode off the stack
        modes = active_modes()
        if sys.exception() is not None:
            modes = self._as_entered(modes)
        set_modes([mode for mode in modes if mode is not self])

    def _as_entered(self, modes: list[TorchFunctionMode]) -> list[TorchFunctionMode]:
        """What should be on the stack after an exception: calls put modes back in another order, blocks leave what is on top."""
        ours = [mode for mode in modes if isinstance(mode, PassMode) and mode._is_entered and mode not in self._below]
        entered = [*(mode for mode in self._below if not isinstance(mode, PassMode) or mode._is_entered), self, *ours]
        left = max(0, len(entered) - len(modes))
        users = [mode for mode in entered if not isinstance(mode, PassMode)]
        return [mode for mode in entered if mode not in users[len(users) - left :]]


def active_modes() -> list[TorchFunctionMode]:
    """The TorchFunctionModes of this thread; the last one is asked first."""
    return [torch._C._get_function_stack_at(index) for index in range(torch._C._len_torch_function_stack())]


def set_modes(modes: Iterable[TorchFunctionMode]) -> None:
    """Replaces the TorchFunctionModes of this thread."""
    while torch._C._len_torch_function_stack():
        torch._C._pop_torch_function_stack()
    for mode in modes:
        torch._C._push_on_torch_function_stack(mode)


def restore_modes(modes: Iterable[TorchFunctionMode]) -> None:
    """Has this thread have the TorchFunctionModes that it had, whatever an interrupt left."""
    _end_interrupted_calls()
    set_modes(modes)


def _end_interrupted_calls() -> None:
    """Has torch put back each mode that it took off the stack for a call which an interrupt ended.

    It does so in a generator. Where the interrupt came as this was about to be left, the traceback would keep it until the
    exception is forgotten, and the mode would be back on the stack long after ours were left.
    """
    error = sys.exception()
    interrupted: list[FrameType] = []
    for frame, _ in traceback.walk_tb(error.__traceback__ if error else None):
        file, before = frame.f_code.co_filename, interrupted[-1:]
        if file == torch.overrides.__file__ or (file == contextlib.__file__ and before == [frame.f_back]):
            interrupted.append(frame)
    for frame in reversed(interrupted):  # the one that was taken off last comes back first
        with contextlib.suppress(RuntimeError):  # it is running
            frame.clear()


@contextmanager
def thread_state() -> Iterator[None]:
    """Restores the gradient mode, autocast and the stack of TorchFunctionModes at the end of a `with` block."""
    gradients = torch.is_grad_enabled()
    devices = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    casts = [(device, torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)) for device in devices]
    modes, functions = active_modes(), functions_state()
    try:
        yield
    finally:
        restore_functions(functions)
        restore_modes(modes)
        for device, enabled, dtype in casts:
            torch.set_autocast_enabled(device, enabled)
            torch.set_autocast_dtype(device, dtype)
        torch.set_grad_enabled(gradients)
