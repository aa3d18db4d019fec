"""Which edition of a run's event files TensorBoard reads: another one once they were replaced, not merely added to."""

import os
import threading
from collections import OrderedDict
from itertools import count
from pathlib import Path

from tensorboard_activis.blobs import event_files

#: Runs that are remembered; one that comes back is a new edition.
_RUNS = 20_000

#: Number, size and times of a file.
_Signs = tuple[int, int, int, int]


class Editions:
    """Numbers for the event files of runs: what was read of one edition is not believed of another.

    TensorBoard knows a snapshot by run, tag, step and time, and a run that was removed may come back under its name with the
    same of all four and other content.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[Path, tuple[int, dict[str, _Signs]]] = OrderedDict()
        self._numbers = count(1)
        self._lock = threading.Lock()

    def edition(self, directory: Path | None) -> int:
        """The number of the files that lie in a run's directory now; 0 where it cannot be found.

        It stays when files grow or new ones come, and changes when one is gone, shorter, or changed without growing.
        """
        if directory is None:
            return 0
        signs = {path.name: one for path in event_files(directory) if (one := _signs(path)) is not None}
        with self._lock:
            number, before = self._seen.pop(directory, (0, {}))
            if not number or not all(_continues(before[name], signs.get(name)) for name in before):
                number = next(self._numbers)
            self._seen[directory] = number, signs
            if len(self._seen) > _RUNS:
                self._seen.popitem(last=False)
        return number


def _signs(path: Path) -> _Signs | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _continues(before: _Signs, now: _Signs | None) -> bool:
    """Whether it is the same file, as it was or longer."""
    return now is not None and (now == before or (now[0] == before[0] and now[1] > before[1]))
