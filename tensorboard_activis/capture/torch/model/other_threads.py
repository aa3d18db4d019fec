"""Blocks other threads that use the model, such as a training thread, while a pass has it in evaluation mode.

Training flags belong to modules, not to threads, so no other thread may run a forward pass at the same time. A forward pass that
is already running is found in the stacks of the threads, and waited for. One that begins meanwhile waits in a forward pre-hook.
"""

import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from tensorboard_activis.errors import ActiVisError

#: Seconds to wait for a forward pass of another thread to end.
PATIENCE = 60.0
_INTERVAL = 0.02
_OPEN, _DRAINING, _CLOSED = range(3)
_CALL_CODES: tuple[CodeType, ...] = (nn.Module._call_impl.__code__, nn.Module._wrapped_call_impl.__code__)
#: Files of the standard library in which a thread waits for another one.
_WAITING_FILES = (threading.__file__, os.path.join("concurrent", "futures"), "queue.py")


def _make_waiting_train(
    original: Callable[..., nn.Module], wait: Callable[[nn.Module], None]
) -> Callable[..., nn.Module]:
    """A `Module.train` that waits first."""

    def train(self: nn.Module, mode: bool = True) -> nn.Module:
        wait(self)
        return original(self, mode)

    return train


#: The second is the waiting `train`, on the stack of a thread that was released and is about to call the first.
_TRAIN_CODES: tuple[CodeType, ...] = (
    nn.Module.train.__code__,
    _make_waiting_train(nn.Module.train, lambda module: None).__code__,
)


class OtherThreads:
    """Blocks other threads that use the model from `block` to `release`; not those that its own forward pass waits for.

    Arguments:
        model: the user's own model, unwrapped.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._modules = weakref.WeakSet(model.modules())
        self._concerned_modules: weakref.WeakKeyDictionary[nn.Module, bool] = weakref.WeakKeyDictionary()
        self._thread, self._process = threading.get_ident(), os.getpid()
        self._condition = threading.Condition()
        self._state = _OPEN
        self._waiting_threads: set[int] = set()
        self._hooks: list[RemovableHandle] = []
        self._train: Any = None
        self._waiting_train: Any = self

    def block(self) -> None:
        """From here on forward passes, `train()` and `eval()` of other threads wait. Those already running continue: see `wait`."""
        self._state = _DRAINING
        self._train = nn.Module.train

        def hook(module: nn.Module, args: Any) -> None:
            self._wait_if_blocked(module)

        for module in self._model.modules():
            if not isinstance(module, torch.jit.ScriptModule):
                self._hooks.append(module.register_forward_pre_hook(hook, prepend=True))

        self._waiting_train = _make_waiting_train(
            self._train, lambda module: self._wait_if_blocked(module, forward=False)
        )
        nn.Module.train = self._waiting_train  # type: ignore[method-assign]

    def wait(self) -> None:
        """Waits until no other thread runs the model.

        Raises:
            ActiVisError: one still does after `PATIENCE` seconds.
        """
        end = time.monotonic() + PATIENCE
        while not self._try_close():
            if time.monotonic() > end:
                raise ActiVisError(
                    f"Another thread has been running the model for {PATIENCE:g} seconds. It cannot be evaluated meanwhile, "
                    "because both would set its training flags. Log when that thread is between two batches."
                )
            time.sleep(0.001)

    def release(self) -> None:
        """Lets the other threads continue; safe to call twice."""
        for handle in self._hooks:
            handle.remove()
        if nn.Module.train is self._waiting_train:
            nn.Module.train = self._train  # type: ignore[method-assign]
        with self._condition:
            self._state = _OPEN
            self._condition.notify_all()

    def _try_close(self) -> bool:
        """Closes the model to other threads if none of them runs it."""
        with self._condition:
            self._state = _CLOSED
            if not self._is_running():
                return True
            self._state = _DRAINING
            self._condition.notify_all()
        return False

    def _is_running(self) -> bool:
        others = [thread for thread in sys._current_frames() if thread != self._thread]
        return any(thread not in self._waiting_threads and self._is_in_model(thread) for thread in others)

    def _is_in_model(self, thread: int) -> bool:
        """Whether a thread is in a forward pass of one of the modules, or sets its training flag."""
        for _ in range(10):
            top = sys._current_frames().get(thread)
            if top is None:
                return False
            if self._inside(top):
                return True
            if sys._current_frames().get(thread) is top:  # so the frames below were the same all the time
                return False
        return True

    def _inside(self, frame: FrameType | None) -> bool:
        """Whether a stack has a call of one of the model's modules, or of `train` of one."""
        while frame is not None:
            if frame.f_code in _CALL_CODES or frame.f_code in _TRAIN_CODES:
                module = frame.f_locals.get("self")
                if isinstance(module, nn.Module) and self._concerns(module):
                    return True
            frame = frame.f_back
        return False

    def _concerns(self, module: nn.Module) -> bool:
        """Whether a module is one of the model's modules, or contains one, as wrappers do."""
        concerned = self._concerned_modules.get(module)
        if concerned is None:
            wrapped = getattr(module, "_orig_mod", None)
            inner = (*module.modules(), *(wrapped.modules() if isinstance(wrapped, nn.Module) else ()))
            concerned = self._concerned_modules[module] = any(each in self._modules for each in inner)
        return concerned

    def _wait_if_blocked(self, module: nn.Module, forward: bool = True) -> None:
        """Waits until this thread, which is about to call the module or to set its training flag, may do so."""
        thread = threading.get_ident()
        if thread == self._thread or os.getpid() != self._process or not self._concerns(module):
            return
        caller: FrameType | None = sys._getframe(1)
        call = _CALL_CODES if forward else _TRAIN_CODES
        while caller is not None and caller.f_code not in call:
            caller = caller.f_back
        while caller is not None and caller.f_code in call and caller.f_locals.get("self") is module:
            caller = caller.f_back
        if self._inside(caller):
            return  # a module around this one has let it through
        is_submodule = forward and module is not self._model and module in self._modules
        with self._condition:
            self._waiting_threads.add(thread)
            try:
                while self._state != _OPEN:
                    if is_submodule and (self._state == _DRAINING or self._is_waited_for()):
                        return
                    self._condition.wait(_INTERVAL if is_submodule else 1)
            finally:  # before the lock is free: a thread that goes on must not look like one that waits
                self._waiting_threads.discard(thread)

    def _is_waited_for(self) -> bool:
        """Whether the thread of the pass waits for another thread inside the model, as in a model that uses threads itself."""
        top = sys._current_frames().get(self._thread)
        return top is not None and any(name in top.f_code.co_filename for name in _WAITING_FILES) and self._inside(top)
