"""Finds and removes leftovers: files of killed processes that are partial, or complete but named by no event.

The files of a snapshot are complete before the event that names them is written. So a file that no event names belongs to the
snapshot in flight when its process was killed, and no reader can use it.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import cast

from tensorboard_activis import metadata
from tensorboard_activis.blobs import Blob, Flaw, event_files, scan
from tensorboard_activis.stores.path import Place

#: An incomplete record at the end of an event file names no files; the other flaws may hide names.
_HARMLESS = {"torn"}


def is_side_file(name: str) -> bool:
    """Whether this is the name of a side file, complete or partial: a file of ours that is not an event file."""
    return metadata.is_file_name(name) or metadata.is_partial_name(name)


def side_files(directory: Place) -> list[Place]:
    """The side files of a directory, sorted by name; links and directories are left out."""
    return sorted(
        cast(Place, path)
        for path in directory.iterdir()
        if is_side_file(path.name) and path.is_file() and not path.is_symlink()
    )


def referenced_files(items: Iterable[Blob | Flaw]) -> set[str] | None:
    """The names of all files that events refer to; None when an event cannot be read, so that some may be unknown."""
    names: set[str] = set()
    for item in items:
        if isinstance(item, Blob):
            names |= metadata.file_names(item.content)
        elif item.kind not in _HARMLESS:
            return None
    return names


def leftovers(directory: Place) -> list[Place]:
    """Side files that certainly no event names. The caller holds the directory's lock, so that nobody is writing.

    Raises:
        OSError: the directory cannot be read.
    """
    partial, finished = _unreferenced(directory)
    # A killed process leaves one snapshot. Several unreferenced ones of a session mean that their event file is missing.
    steps: dict[str, set[int]] = {}
    for path in finished:
        step, session = metadata.snapshot_of(path.name) or (0, "")
        steps.setdefault(session, set()).add(step)
    if any(len(of_session) > 1 for of_session in steps.values()):
        return partial
    return partial + finished


def orphans(directory: Place) -> list[Place]:
    """Complete side files whose event file is missing: it was deleted, or has not been copied here yet.

    Raises:
        OSError: the directory cannot be read.
    """
    removable = set(leftovers(directory))
    return [path for path in _unreferenced(directory)[1] if path not in removable]


def _unreferenced(directory: Place) -> tuple[list[Place], list[Place]]:
    """Partial side files, and complete ones that certainly no event names."""
    files = side_files(directory)
    partial = [path for path in files if metadata.is_partial_name(path.name)]
    finished = [path for path in files if not metadata.is_partial_name(path.name)]
    items = (item for path in event_files(directory) for item in scan(path))
    names = referenced_files(items) if finished else None
    return partial, [path for path in finished if names is not None and path.name not in names]


def remove_leftovers(directory: Place) -> list[Place]:
    """Removes the leftovers of a directory and returns their paths. The caller holds its lock. Never raises OSError."""
    removed = []
    with suppress(OSError):
        for path in leftovers(directory):
            with suppress(OSError):
                path.unlink()
                removed.append(path)
    return removed
