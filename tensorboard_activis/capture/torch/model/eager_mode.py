"""Turns off what would let a forward pass go by without hooks: torch.compile, and attention's fast path."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_lock = threading.RLock()
_holders: list[object] = []
_fast_path = True  # before the first holder
_stances: list[Any] = []  # of torch.compile, at most one: it restores what was before the first holder


@contextmanager
def eager_mode() -> Iterator[None]:
    """Turns off torch.compile, whose code runs no hooks, and the attention fast path, which skips modules.

    Both are settings of the process. Several watches and passes, which may end in any order, share them: they are off from the
    first one's begin to the last one's end.
    """
    holder = object()
    try:
        _hold(holder)
        yield
    finally:
        _release(holder)


def _hold(holder: object) -> None:
    global _fast_path
    with _lock:
        if not _holders:
            _fast_path = torch.backends.mha.get_fastpath_enabled()
        _holders.append(holder)
        torch.backends.mha.set_fastpath_enabled(False)
        if "torch._dynamo" in sys.modules:
            stance = torch.compiler.set_stance("force_eager")
            if not _stances:
                _stances.append(stance)


def _release(holder: object) -> None:
    with _lock:
        if holder not in _holders:
            return
        _holders.remove(holder)
        if not _holders:
            torch.backends.mha.set_fastpath_enabled(_fast_path)
            while _stances:
                _stances.pop().__exit__(None, None, None)
