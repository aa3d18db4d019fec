"""What a killed process leaves behind: files that were begun, and files that were finished but never announced.

A snapshot is announced by its event; its files are complete before that. So a file of ours that no event names belongs to the
snapshot in flight when its process died, and nobody can read it.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tensorboard_activis import metadata
from tensorboard_activis.blobs import Blob, Flaw, event_files, scan

#: Half a record at the end of an event file announces nothing; what other flaws hide might.
_HARMLESS = {"torn"}


def is_side_file(name: str) -> bool:
    """Whether a file of this name is ours, finished or begun, and no event file."""
    return metadata.is_file_name(name) or metadata.is_begun(name)


def side_files(directory: Path) -> list[Path]:
    """Our files in a directory, besides the events; links and directories are nobody's business."""
    return sorted(
        path for path in directory.iterdir() if is_side_file(path.name) and path.is_file() and not path.is_symlink()
    )


def announced(found: Iterable[Blob | Flaw]) -> set[str] | None:
    """The names of the files that events name; None when some event cannot be understood, so that nobody knows."""
    names: set[str] = set()
    for one in found:
        if isinstance(one, Blob):
            names |= metadata.file_names(one.content)
        elif one.kind not in _HARMLESS:
            return None
    return names


def leftovers(directory: Path) -> list[Path]:
    """Files in a directory that nobody writes to, of which it is certain that no event names them.

    Raises:
        OSError: the directory cannot be read.
    """
    begun, finished = _unannounced(directory)
    # A killed process leaves one snapshot. Where more of one session are not named, it is their events that are missing.
    steps: dict[str, set[int]] = {}
    for path in finished:
        step, session = metadata.snapshot_of(path.name) or (0, "")
        steps.setdefault(session, set()).add(step)
    if any(len(of_one) > 1 for of_one in steps.values()):
        return begun
    return begun + finished


def orphans(directory: Path) -> list[Path]:
    """Files whose events are gone: what was announced once, or is on its way here.

    Raises:
        OSError: the directory cannot be read.
    """
    found = set(leftovers(directory))
    return [path for path in _unannounced(directory)[1] if path not in found]


def _unannounced(directory: Path) -> tuple[list[Path], list[Path]]:
    """Files that were begun, and those that were finished of which it is certain that no event names them."""
    files = side_files(directory)
    begun = [path for path in files if metadata.is_begun(path.name)]
    finished = [path for path in files if path not in begun]
    names = announced(found for path in event_files(directory) for found in scan(path)) if finished else None
    return begun, [path for path in finished if names is not None and path.name not in names]


def clear(directory: Path) -> list[Path]:
    """Removes the leftovers of a directory that the caller holds the lock of; returns what is gone. Never raises OSError."""
    gone = []
    with suppress(OSError):
        for path in leftovers(directory):
            with suppress(OSError):
                path.unlink()
                gone.append(path)
    return gone
