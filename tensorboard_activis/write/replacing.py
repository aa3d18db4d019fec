"""Atomic writing: a file appears complete under its final name, or not at all."""

import os
from collections.abc import Callable, Iterator
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
    with unfinished(partial) as finish:
        yield partial
        finish(path)


@contextmanager
def unfinished(partial: Path) -> Iterator[Callable[[Path], None]]:
    """Creates a partial file, for a body that writes to it and then calls what this yields with the final name, or does not.

    With the call, the file is synced and renamed; a link of the final name is replaced, not followed. Without it, it is removed.

    Arguments:
        partial: its path, not taken yet.

    Raises:
        OSError: disk full, directory gone, …; nothing is left.
    """
    create(partial).close()

    def finish(path: Path) -> None:
        with open_own(partial) as file:  # somebody may have put a link in its place
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_names(path.parent)

    try:
        yield finish
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _sync_names(directory: Path) -> None:
    """Syncs a directory, so that a new name in it survives a power failure, where the system can do that."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
