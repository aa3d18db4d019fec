"""A file that is there as a whole, or not at all."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tensorboard_activis import metadata
from tensorboard_activis.files import create, open_own


@contextmanager
def replacing(path: Path, partial: Path | None = None) -> Iterator[Path]:
    """Writes a whole file or nothing: the body writes to the path it is given, which is then synced and renamed.

    Arguments:
        partial: where the body writes, under a name that is not taken; None: beside the file, under a name that tells what it
            will be and that nobody can foresee. A link of the file's own name is replaced, not followed.

    Raises:
        OSError: disk full, directory gone, …; nothing is left.
    """
    partial = partial or path.with_name(metadata.begun(path.name))
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
    """A name that is not on disk when the power fails is a file that is lost; some systems cannot be asked."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
