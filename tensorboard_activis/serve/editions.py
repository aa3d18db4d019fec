"""Numbers the editions of a run's event files: a new one when files were replaced, not when they merely grew."""

import os
import threading
from collections import OrderedDict
from itertools import count
from pathlib import Path

from tensorboard_activis.blobs import event_file_names

#: Number of runs that are remembered; a run that was forgotten gets a new edition.
_RUNS = 20_000

#: Number, size and times of a file.
_FileStatus = tuple[int, int, int, int]


class Editions:
    """Numbers the editions of event files, as a part of cache keys: what was read from one edition is not valid for another.

    TensorBoard identifies a snapshot by run, tag, step and time, and a run that was deleted may be logged again with the same
    four and other content.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[int, dict[str, _FileStatus]]] = OrderedDict()
        self._numbers = count(1)
        self._lock = threading.Lock()

    def edition(self, directory: Path | None) -> int:
        """The edition of the event files that are in a run's directory now; 0 when the directory is None.

        It stays when files grow or are added, and changes when one is deleted, truncated, or changed without growing.
        """
        if directory is None:
            return 0
        names = event_file_names(directory)
        statuses = {
            name: status for name in names if (status := _file_status(os.path.join(directory, name))) is not None
        }
        with self._lock:
            number, before = self._seen.pop(str(directory), (0, {}))
            if not number or not all(_continues(before[name], statuses.get(name)) for name in before):
                number = next(self._numbers)
            self._seen[str(directory)] = number, statuses
            if len(self._seen) > _RUNS:
                self._seen.popitem(last=False)
        return number


def _file_status(path: str) -> _FileStatus | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _continues(before: _FileStatus, now: _FileStatus | None) -> bool:
    """Whether it is the same file, unchanged or appended to."""
    return now is not None and (now == before or (now[0] == before[0] and now[1] > before[1]))
