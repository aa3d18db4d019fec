"""Writes the folder of an export, as a whole or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tensorboard_activis.blobs import event_file_names
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.export.packs import File
from tensorboard_activis.metadata import RUN_DIRECTORY

#: How directories end in which an export is being written, and the file without which it is none.
_PARTIAL, _PAGE = ".partial", "index.html"


def check_target(directory: Path) -> None:
    """Raises ActiVisError unless files can be written there: the directory is empty or does not exist, and is not a run's own."""
    try:
        for path in (directory.absolute(), *directory.absolute().parents):
            if path.name == RUN_DIRECTORY and path.is_dir() and event_file_names(path):
                raise ActiVisError(
                    f"{directory} lies in {path}, which is the logger's own. Name another one, such as shared/run1"
                )
        if directory.is_dir():
            found = sorted(os.listdir(directory))
            if found:
                left = found[0].endswith(_PARTIAL)
                hint = "It was left by an export that was killed: delete it. " if left else ""
                raise ActiVisError(
                    f"{directory} is not empty: it has {found[0]!r}{f' and {len(found) - 1} more' if found[1:] else ''}. "
                    f"{hint}Name a directory that does not exist, or an empty one: nothing is overwritten"
                )
        elif directory.exists() or directory.is_symlink():
            raise ActiVisError(f"{directory} is a file. Name a directory that does not exist, or an empty one")
        above = next(path for path in (directory, *directory.absolute().parents) if path.exists())
        if not os.access(above, os.W_OK | os.X_OK):
            raise ActiVisError(f"{directory} cannot be written: you may not write to {above}. Name another directory")
    except OSError as error:
        raise ActiVisError(f"{directory} cannot be examined: {error.strerror or error}") from error


def write_folder(directory: Path, files: Iterable[File]) -> None:
    """Writes all files aside, and then gives them their place: in a directory that is there, the page comes last.

    So whatever stops it, what is there is no export or a whole one. A directory that is there stays the same: it may be a mount, a
    link, or where a shell stands.

    Raises ActiVisError where the disk refuses; what was written is removed.
    """
    aside: Path | None = None
    moved: list[Path] = []
    try:
        there = directory.is_dir()
        if not there:
            directory.parent.mkdir(parents=True, exist_ok=True)
        name = f".{directory.name[:40]}."
        aside = Path(tempfile.mkdtemp(prefix=name, suffix=_PARTIAL, dir=directory if there else directory.parent))
        for file in files:
            path = aside / file.name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(file.content)
        aside.chmod(0o777 & ~_umask())  # a temporary directory is for its owner alone
        if there:
            for path in sorted(aside.iterdir(), key=lambda path: path.name == _PAGE):
                path.rename(directory / path.name)
                moved.append(directory / path.name)
            aside.rmdir()
        else:
            aside.rename(directory)
    except BaseException as error:
        for path in reversed([*([aside] if aside else []), *moved]):
            with contextlib.suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if isinstance(error, OSError):
            raise ActiVisError(f"{directory} cannot be written: {error.strerror or error}") from error
        raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
