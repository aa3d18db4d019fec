"""Writes a file so that it appears complete under its final name, or not at all."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tensorboard_activis import metadata
from tensorboard_activis.files import create, open_own
from tensorboard_activis.stores.path import Location, StorePath


@contextmanager
def replacing(path: Location, partial: Path | None = None) -> Iterator[Path]:
    """Replaces a file atomically: yields a partial path to write to, which is then synced and renamed, or sent to the store.

    Arguments:
        path: the final name. A link of this name is replaced, not followed.
        partial: the path to write to, not taken yet; None: see `unfinished`.

    Raises:
        OSError: disk full, directory gone, …; nothing is left.
    """
    with unfinished(path.parent, path.name, partial) as (written, finish):
        yield written
        finish(path.name)


@contextmanager
def unfinished(
    directory: Location, name: str, partial: Path | None = None
) -> Iterator[tuple[Path, Callable[[str], None]]]:
    """Creates a partial file, for a body that writes to it and then calls `finish` with the final name, or does not.

    With the call, the file is synced and renamed; a link of the final name is replaced, not followed. Without it, it is removed.
    For a store it lies in the directory of temporary files, and is sent as a whole: an object appears when all of it is there.

    Arguments:
        directory: of the final name.
        name: that the partial name is made from, unpredictably.
        partial: its path, not taken yet, instead.

    Raises:
        OSError: disk full, directory gone, …; nothing is left.
    """
    if isinstance(directory, StorePath):
        with tempfile.TemporaryDirectory(prefix="activis-") as room:
            written = Path(room, name)
            create(written).close()
            yield written, lambda final: directory.store.upload(written, (directory / final).key)
        return
    written = partial or directory / metadata.partial_name(name)
    create(written).close()

    def finish(final: str) -> None:
        with open_own(written) as file:  # somebody may have put a link in its place
            os.fsync(file.fileno())
        written.replace(directory / final)
        _sync_names(directory)

    try:
        yield written, finish
    finally:
        with suppress(OSError):
            written.unlink(missing_ok=True)


def _sync_names(directory: Path) -> None:
    """Syncs a directory, so that a new name in it survives a power failure, where the system can do that."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
