"""Keeps lock files from forked child processes, so that a killed process releases its lock though its children live on.

The system keeps a file locked as long as any process has it open; a DataLoader's workers, say, inherit open files.
"""

import os
import weakref
from contextlib import suppress
from pathlib import Path

#: The owners of files that children must not inherit, each with the device and inode of its file. Once the file is closed, its
#: inode may be another file's.
_owners: "weakref.WeakKeyDictionary[object, tuple[int, int]]" = weakref.WeakKeyDictionary()
_DESCRIPTORS = "/dev/fd"


def keep_from_children(owner: object, path: Path) -> None:
    """From now on, forked processes close this file, which the owner has open."""
    with suppress(OSError):
        _owners[owner] = _inode(os.stat(path))


def forget(owner: object) -> None:
    """Ends what `keep_from_children` began; call it before the owner closes its file."""
    _owners.pop(owner, None)


def _close_in_child() -> None:
    """Closes the files in a process that was just forked."""
    files = set(_owners.values())
    if not files:
        return
    with suppress(OSError):
        null = os.open(os.devnull, os.O_RDWR)
        for name in os.listdir(_DESCRIPTORS):
            with suppress(OSError):
                if _inode(os.fstat(int(name))) in files:
                    # Replaced, not closed: code that closes this descriptor later must not close another file.
                    os.dup2(null, int(name), inheritable=False)
        os.close(null)
    _owners.clear()


def _inode(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
