"""A lock that a killed process gives up, although processes that it started by forking, such as a DataLoader's, live on.

The system holds it as long as any of them has the file open.
"""

import os
import weakref
from contextlib import suppress
from pathlib import Path

#: Who has a file open that is this process's alone, and the file's device and number. The number may be another file's as soon as
#: it is closed.
_own: "weakref.WeakKeyDictionary[object, tuple[int, int]]" = weakref.WeakKeyDictionary()
_DESCRIPTORS = "/dev/fd"


def keep_from_children(owner: object, path: Path) -> None:
    """Processes that are forked from now on do not have this file open, which the owner has."""
    with suppress(OSError):
        _own[owner] = _identity(os.stat(path))


def forget(owner: object) -> None:
    """The owner is about to close its file."""
    _own.pop(owner, None)


def _let_go() -> None:
    """In a process that was just forked."""
    files = set(_own.values())
    if not files:
        return
    with suppress(OSError):
        nothing = os.open(os.devnull, os.O_RDWR)
        for name in os.listdir(_DESCRIPTORS):
            with suppress(OSError):
                if _identity(os.fstat(int(name))) in files:
                    # Not closed: whoever closes it in the end shall not close another file of that number.
                    os.dup2(nothing, int(name), inheritable=False)
        os.close(nothing)
    _own.clear()


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
