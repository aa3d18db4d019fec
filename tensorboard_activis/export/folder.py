"""Writes the folder of an export, as a whole or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.export.packs import File


def check_target(directory: Path) -> None:
    """Raises ActiVisError unless the directory is empty or does not exist yet."""
    try:
        if directory.is_dir():
            found = sorted(os.listdir(directory))
            if found:
                raise ActiVisError(
                    f"{directory} is not empty: it has {found[0]!r}{f' and {len(found) - 1} more' if found[1:] else ''}. "
                    "Name a directory that does not exist, or an empty one: nothing is overwritten"
                )
        elif directory.exists() or directory.is_symlink():
            raise ActiVisError(f"{directory} is a file. Name a directory that does not exist, or an empty one")
    except OSError as error:
        raise ActiVisError(f"{directory} cannot be examined: {error.strerror or error}") from error


def write_folder(directory: Path, files: Iterable[File]) -> None:
    """Writes all files beside the directory, and then gives them its name.

    Raises ActiVisError where the disk refuses; what was written is removed.
    """
    partial: Path | None = None
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", suffix=".partial", dir=directory.parent))
        for file in files:
            path = partial / file.name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(file.content)
        partial.chmod(0o777 & ~_umask())  # a temporary directory is for its owner alone
        if directory.is_dir():
            directory.rmdir()
        partial.rename(directory)
    except BaseException as error:
        if partial is not None:
            with contextlib.suppress(OSError):
                shutil.rmtree(partial)
        if isinstance(error, OSError):
            raise ActiVisError(f"{directory} cannot be written: {error.strerror or error}") from error
        raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
