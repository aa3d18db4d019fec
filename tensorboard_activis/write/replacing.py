"""A file that is there as a whole, or not at all."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tensorboard_activis import metadata


@contextmanager
def replacing(path: Path, partial: Path | None = None) -> Iterator[Path]:
    """Writes a whole file or nothing: the body writes to the path it is given, which is then synced and renamed.

    Arguments:
        partial: where the body writes; None: beside the file, under a name that tells what it will be.

    Raises:
        OSError: disk full, directory gone, …; nothing is left.
    """
    partial = partial or path.with_name(metadata.begun(path.name))
    try:
        # safetensors makes files that their owner alone may read; colleagues shall see the run as they see its events.
        partial.touch()
        mode = stat.S_IMODE(partial.stat().st_mode)
        yield partial
        partial.chmod(mode)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    _sync_names(path.parent)


def _sync_names(directory: Path) -> None:
    """A name that is not on disk when the power fails is a file that is lost; some systems cannot be asked."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
