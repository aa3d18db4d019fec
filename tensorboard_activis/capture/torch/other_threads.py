"""Other threads that use a model, such as one that trains it, wait while a pass has it in evaluation mode.

Training flags belong to the modules and not to threads, so a forward pass of another thread must not run at the same time. One
that runs already is waited for: the stacks of all threads show it, so nothing has to be installed before. One that begins
meanwhile waits in the first hook of the modules that it calls.
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
_SLICE = 0.02
_OPEN, _DRAINING, _CLOSED = range(3)
_CALLS: tuple[CodeType, ...] = (nn.Module._call_impl.__code__, nn.Module._wrapped_call_impl.__code__)
#: Where a thread waits for another one.
_WAITING = (threading.__file__, os.path.join("concurrent", "futures"), "queue.py")


def _train_after(original: Callable[..., nn.Module], wait: Callable[[nn.Module], None]) -> Callable[..., nn.Module]:
    """Module's `train`, which waits first."""

    def train(self: nn.Module, mode: bool = True) -> nn.Module:
        wait(self)
        return original(self, mode)

    return train


#: The second belongs to a thread that has just been let go, and is about to call the first.
_TRAINS: tuple[CodeType, ...] = (
    nn.Module.train.__code__,
    _train_after(nn.Module.train, lambda module: None).__code__,
)


class OtherThreads:
    """Keeps other threads out of a model between `stop` and `go`, but those that the model itself waits for."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._modules = weakref.WeakSet(model.modules())
        self._known: weakref.WeakKeyDictionary[nn.Module, bool] = weakref.WeakKeyDictionary()
        self._thread, self._process = threading.get_ident(), os.getpid()
        self._changed = threading.Condition()
        self._state = _OPEN
        self._stopped: set[int] = set()
        self._hooks: list[RemovableHandle] = []
        self._train: Any = None
        self._own_train: Any = self

    def stop(self) -> None:
        """Forward passes, `train()` and `eval()` of other threads wait from here on. Those that run go on: see `wait`."""
        self._state = _DRAINING
        self._train = nn.Module.train

        def hook(module: nn.Module, args: Any) -> None:
            self._pass(module)

        for module in self._model.modules():
            if not isinstance(module, torch.jit.ScriptModule):
                self._hooks.append(module.register_forward_pre_hook(hook, prepend=True))

        self._own_train = _train_after(self._train, lambda module: self._pass(module, forward=False))
        nn.Module.train = self._own_train  # type: ignore[method-assign]

    def wait(self) -> None:
        """Waits until no other thread runs the model.

        Raises:
            ActiVisError: one does for more than `PATIENCE` seconds.
        """
        end = time.monotonic() + PATIENCE
        while not self._close():
            if time.monotonic() > end:
                raise ActiVisError(
                    f"Another thread has been running the model for {PATIENCE:g} seconds, and training flags belong to the "
                    "model, so it cannot be evaluated meanwhile. Log when that thread is between two batches."
                )
            time.sleep(0.001)

    def go(self) -> None:
        """The others go on; safe to call twice."""
        for handle in self._hooks:
            handle.remove()
        if nn.Module.train is self._own_train:
            nn.Module.train = self._train  # type: ignore[method-assign]
        with self._changed:
            self._state = _OPEN
            self._changed.notify_all()

    def _close(self) -> bool:
        with self._changed:
            self._state = _CLOSED
            if not self._running():
                return True
            self._state = _DRAINING
            self._changed.notify_all()
        return False

    def _running(self) -> bool:
        others = [thread for thread in sys._current_frames() if thread != self._thread]
        return any(thread not in self._stopped and self._runs(thread) for thread in others)

    def _runs(self, thread: int) -> bool:
        """Whether a thread is inside of one of the modules, or sets flags."""
        for _ in range(10):
            top = sys._current_frames().get(thread)
            if top is None:
                return False
            if self._inside(top):
                return True
            if sys._current_frames().get(thread) is top:  # so none of the frames below it has ended meanwhile
                return False
        return True

    def _inside(self, frame: FrameType | None) -> bool:
        while frame is not None:
            if frame.f_code in _CALLS or frame.f_code in _TRAINS:
                module = frame.f_locals.get("self")
                if isinstance(module, nn.Module) and self._concerns(module):
                    return True
            frame = frame.f_back
        return False

    def _concerns(self, module: nn.Module) -> bool:
        """Whether a module is one of the model's, or has one of them inside, as wrappers do."""
        known = self._known.get(module)
        if known is None:
            wrapped = getattr(module, "_orig_mod", None)
            inner = (*module.modules(), *(wrapped.modules() if isinstance(wrapped, nn.Module) else ()))
            known = self._known[module] = any(each in self._modules for each in inner)
        return known

    def _pass(self, module: nn.Module, forward: bool = True) -> None:
        """Returns when this thread may go on, which is about to call the module, or to set its flags."""
        thread = threading.get_ident()
        if thread == self._thread or os.getpid() != self._process or not self._concerns(module):
            return
        caller: FrameType | None = sys._getframe(1)
        call = _CALLS if forward else _TRAINS
        while caller is not None and caller.f_code not in call:
            caller = caller.f_back
        while caller is not None and caller.f_code in call and caller.f_locals.get("self") is module:
            caller = caller.f_back
        if self._inside(caller):
            return  # it has been let through further out
        part = forward and module is not self._model and module in self._modules
        try:
            with self._changed:
                self._stopped.add(thread)
                while self._state != _OPEN:
                    if part and (self._state == _DRAINING or self._is_waited_for()):
                        return
                    self._changed.wait(_SLICE if part else 1)
        finally:
            self._stopped.discard(thread)

    def _is_waited_for(self) -> bool:
        """Whether the pass itself runs the model and waits for another thread, as a model does that runs parts in threads."""
        top = sys._current_frames().get(self._thread)
        return top is not None and any(part in top.f_code.co_filename for part in _WAITING) and self._inside(top)
