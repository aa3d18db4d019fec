"""Thins a run while it is logged: called with each snapshot that was written."""

from tensorboard_activis import metadata, schema
from tensorboard_activis.blobs import event_file_names
from tensorboard_activis.errors import warn
from tensorboard_activis.stores.path import Location
from tensorboard_activis.thinning.logged import Logged, LoggedRun, read_logged
from tensorboard_activis.thinning.run import thin_run

#: Snapshots that are thinned after one that was written: a run that was logged without `keep` is thinned over the next ones.
MOST_AT_ONCE = 8


class Thinner:
    """Keeps the large arrays of at most `keep` snapshots of a run. Raises nothing of its own: training goes on.

    Called by the process that holds the directory's lock, after a snapshot was written and before the next one is begun.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._run: LoggedRun | None = None
        self._events: set[str] = set()
        self._said: set[str] = set()

    def __call__(self, log_dir: Location, record: schema.Snapshot) -> None:
        """Looks whether steps give way to a snapshot.

        Arguments:
            log_dir: the user's run directory.
            record: the snapshot, whose event was written.
        """
        directory = log_dir / metadata.RUN_DIRECTORY
        try:
            events = set(event_file_names(directory))
            if (
                self._run is None or events != self._events
            ):  # others may have logged since, as between two watches of a trainer
                self._run, self._events = read_logged(directory), events
            else:
                self._run.add(Logged.of(record, directory))
            done = thin_run(directory, self._run, self._keep, MOST_AT_ONCE)
            for problem in done.problems:
                self._say(f"keep={self._keep}: something cannot be thinned, and stays as it is: {problem}")
        except Exception as error:
            self._run = None  # whatever it was, the next time the directory is read again
            self._say(
                f"keep={self._keep}: the run could not be thinned, and takes more of the disk; what was logged is there, and the "
                f"next snapshot tries again. {type(error).__name__}: {error}"
            )

    def _say(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            warn(f"ActiVis: {message} (Said once.)")
