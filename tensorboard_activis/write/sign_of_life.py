"""A session in a store says that it lives, by an object: what a lock is on a disk, without the promise of one."""

import secrets
from contextlib import suppress

from tensorboard_activis import metadata
from tensorboard_activis.errors import warn
from tensorboard_activis.stores.path import StorePath
from tensorboard_activis.write.clock import session_time

#: Seconds after which a session that said nothing is taken for killed, and its object is removed.
FORGOTTEN_SECONDS = 24 * 3600.0


class SignOfLife:
    """The object that says that a session writes to a directory of a store; it is written anew with every snapshot.

    A store has no locks, so nothing keeps two sessions from writing to one address: each warns when it sees another.

    Arguments:
        directory: of the run.
        began: seconds since 1970.
    """

    def __init__(self, directory: StorePath, began: float) -> None:
        self._directory = directory
        self._path = directory / metadata.session_object(f"{session_time(began)}-{secrets.token_hex(4)}")
        self._seen: set[str] = set()

    def renew(self) -> None:
        """Says that the session lives, and looks for others. Raises OSError."""
        store, key = self._directory.store, self._directory.key
        store.write(self._path.key, b"A session of tensorboard-activis writes here. It removes this when it ends.\n")
        files = store.listing(key, age=-1.0).files
        own = files.get(self._path.name)
        if own is None:
            return
        for name, status in files.items():
            if not metadata.is_session_object(name) or name == self._path.name or name in self._seen:
                continue
            self._seen.add(name)
            # Both times are the store's own: no clocks of two machines are compared.
            silent = max(0.0, own.st_mtime - status.st_mtime)
            if silent > FORGOTTEN_SECONDS:
                with suppress(OSError):
                    (self._directory / name).unlink(missing_ok=True)
                continue
            warn(
                f"ActiVis: another session says that it logs to {self._directory.parent}; it said so {_shown(silent)} ago. A store "
                "has no locks, so both go on: each writes files of its own, and where their steps meet, the session that began "
                "later counts. If the other is still running, give one of them a log_dir of its own; if it was killed, nothing is "
                "to be done."
            )

    def end(self) -> None:
        """Removes the object; where the store cannot be reached, it stays and is forgotten after a day."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def _shown(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
