"""Atomic writing: a file appears complete under its final name, or not at all."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tensorboard_activis import metadata
from tensorboard_activis.files import create, open_own


@contextmanager
def replacing(path: Path, partial: Path | None = None) -> Iterator[Path]:
    """Replaces a file atomically: yields a partial path to write to, which is then synced and renamed.

    Arguments:
        path: the final name. A link of this name is replaced, not followed.
        partial: the path to write to, not taken yet; None: beside the file, under an unpredictable name made from the file's.

    Raises:
        OSError: disk full, directory gone, …; nothing is left.
    """
    partial = partial or path.with_name(metadata.partial_name(path.name))
    with create(partial) as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    try:
        yield partial
        # Whoever wrote it may have put another file in its place, as safetensors does, or somebody a link.
        with open_own(partial) as file:
            if hasattr(os, "fchmod"):
                # safetensors makes files that their owner alone may read; colleagues shall see the run as its events.
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    _sync_names(path.parent)


def _sync_names(directory: Path) -> None:
    """Syncs a directory, so that a new name in it survives a power failure, where the system can do that."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
