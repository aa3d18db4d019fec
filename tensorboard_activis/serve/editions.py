"""Numbers the editions of a run's event files: a new one when files were replaced, not when they merely grew."""

import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from itertools import count

from tensorboard_activis.blobs import event_file_names
from tensorboard_activis.files import status_in
from tensorboard_activis.stores.path import Location, StorePath

#: Number of runs that are remembered; a run that was forgotten gets a new edition.
_RUNS = 20_000

#: Number, size and times of a file.
_FileStatus = tuple[int, int, int, int]
#: Nanoseconds for which a directory must have been unchanged for its listing to be taken again: longer than the step of file times.
_SETTLED = 3_000_000_000


@dataclass(frozen=True, slots=True)
class _Edition:
    """What was seen last of a run's event files.

    Attributes:
        number: of the edition.
        unchanged_since: time of change of the directory that was listed; None while it may change again at that same time.
        files: their status by name.
    """

    number: int
    unchanged_since: int | None
    files: dict[str, _FileStatus]


class Editions:
    """Numbers the editions of event files, as a part of cache keys: what was read from one edition is not valid for another.

    TensorBoard identifies a snapshot by run, tag, step and time, and a run that was deleted may be logged again with the same
    four and other content.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[str, _Edition] = OrderedDict()
        self._numbers = count(1)
        self._lock = threading.Lock()

    def edition(self, directory: Location | None) -> int:
        """The edition of the event files that are in a run's directory now; 0 when the directory is None.

        It stays when files grow or are added, and changes when one is deleted, truncated, or changed without growing.
        """
        if directory is None:
            return 0
        key = str(directory)
        last = self._seen.get(key)
        unchanged_since = _settled_time(directory)
        if last is not None and unchanged_since is not None and unchanged_since == last.unchanged_since:
            names = list(last.files)
        else:
            names = event_file_names(directory)
        files = {name: status for name in names if (status := _file_status(directory, name)) is not None}
        with self._lock:
            last = self._seen.pop(key, None)
            if last is not None and all(_continues(last.files[name], files.get(name)) for name in last.files):
                number = last.number
            else:
                number = next(self._numbers)
            self._seen[key] = _Edition(number, unchanged_since, files)
            if len(self._seen) > _RUNS:
                self._seen.popitem(last=False)
        return number


def _settled_time(directory: Location) -> int | None:
    """When files were last added to a directory or removed from it; None if that is not over for certain, or it cannot be read."""
    if isinstance(directory, StorePath):
        return None  # its listing is cached where it is made
    try:
        changed = os.stat(directory).st_mtime_ns
    except (OSError, ValueError):
        return None
    return changed if time.time_ns() - changed > _SETTLED else None


def _file_status(directory: Location, name: str) -> _FileStatus | None:
    try:
        status = status_in(directory, name, follow=True)
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _continues(before: _FileStatus, now: _FileStatus | None) -> bool:
    """Whether it is the same file, unchanged or appended to."""
    return now is not None and (now == before or (now[0] == before[0] and now[1] > before[1]))
