"""Finds truncated and damaged event files, which TensorBoard does not report, so that later snapshots are missing."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tensorboard_activis.blobs import event_files
from tensorboard_activis.files import COPY_AGAIN, open_own
from tensorboard_activis.framing import OVERHEAD, DamagedRecordError, records
from tensorboard_activis.stores.path import Location

#: Seconds after which an incomplete last record counts as truncated rather than as still being written.
GRACE_SECONDS = 30.0


@dataclass(slots=True)
class _Progress:
    verified: int = 0
    damage: str | None = None


class DamageWatch:
    """Verifies the checksums of event files; what was verified once is not read again."""

    def __init__(self) -> None:
        self._files: dict[Location, dict[Location, _Progress]] = {}

    def forget_others(self, directories: Iterable[Location | None]) -> None:
        """Forgets the progress of all other directories: a server runs for months, and runs are deleted."""
        for gone in set(self._files) - set(directories):
            self._files.pop(gone, None)

    def problems(self, directory: Location, more: Callable[[], bool] = lambda: True) -> list[str]:
        """Messages about damaged and truncated event files in a directory.

        Arguments:
            more: called before a file is read; False leaves it unverified, and it is taken to be intact.
        """
        problems = []
        paths = event_files(directory)
        before = self._files.get(directory, {})
        watched = self._files[directory] = {path: before.get(path, _Progress()) for path in paths}
        for path in paths:
            try:
                problem = self._problem(path, watched, more)
            except OSError as error:
                problem = f"{path.name} cannot be read: {error.strerror or error}."
            if problem:
                problems.append(problem)
        return problems

    def _problem(self, path: Location, watched: dict[Location, _Progress], more: Callable[[], bool]) -> str | None:
        status, progress = path.stat(), watched[path]
        if status.st_size < progress.verified:  # another file under the same name
            progress = watched[path] = _Progress()
        if progress.damage is None and status.st_size > progress.verified:
            if not more():
                return None
            self._verify(path, progress)
        if progress.damage:
            return progress.damage
        missing = status.st_size - progress.verified
        if missing > 0 and time.time() - status.st_mtime > GRACE_SECONDS:
            return (
                f"{path.name} is cut off in the middle of a record ({missing:,} bytes at its end): perhaps the process "
                "that wrote it was killed. What was written before is complete."
            )
        return None

    def _verify(self, path: Location, progress: _Progress) -> None:
        with open_own(path) as file:
            position = file.seek(progress.verified)
            try:
                for record in records(file):
                    position += OVERHEAD + len(record)
            except DamagedRecordError as error:
                progress.damage = _damaged(path, error.position)
            progress.verified = position


def _damaged(path: Location, at: int) -> str:
    return (
        f"{path.name} is damaged at byte {at:,}: TensorBoard cannot read what follows, so later snapshots may be missing. "
        f"{COPY_AGAIN}"
    )
