"""A session: one process's time of logging into a run, with the event file that it writes."""

import math
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence

from tensorboard_activis import metadata
from tensorboard_activis.capture.isolation.interrupts import uninterrupted
from tensorboard_activis.capture.run_directory import RunDirectory
from tensorboard_activis.health_codec import encode_health
from tensorboard_activis.health_part import HealthPart
from tensorboard_activis.write.clock import Clock, session_time
from tensorboard_activis.write.event_objects import event_writer


class Session:
    """Names the session and writes its events: snapshots with the graph, and training health, from any thread.

    Arguments:
        directory: of the run.

    Attributes:
        name: sessions sort by their start.
        started: seconds since 1970.
        events: the writer. Only `write` writes with it.
        directory: of the run.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory
        # The time comes first, so that sessions sort by their start.
        clock = Clock(directory.path)
        self.started = clock.now()
        self.name = f"{session_time(self.started)}-{secrets.token_hex(4)}"
        self.events = event_writer(directory.path, self.name, clock)
        #: Time stamp of the last event; it increases even if the clock is set back.
        self._latest = self.started
        self._lock = threading.RLock()
        #: Called before a snapshot is written: to write what belongs before it.
        self.before_snapshot: Callable[[], object] = lambda: None

    def write(self, blobs: Mapping[str, bytes], step: int, wall_time: float) -> None:
        """Appends the events of a snapshot. Raises OSError; see `EventWriter.write_blobs`."""
        self.before_snapshot()
        with self._lock:
            self._latest = max(wall_time, math.nextafter(self._latest, math.inf))
            self.events.write_blobs(blobs, step, self._latest)

    def write_scalars(self, scalars: Sequence[tuple[str, float]], step: int) -> None:
        """Appends scalars for TensorBoard's own dashboards, at the step of a snapshot that was written. Raises OSError."""

        def append() -> None:
            with self._lock:
                self.events.write_scalars(scalars, step, self._latest)

        if scalars:
            uninterrupted(append)

    def write_health(self, health: HealthPart) -> None:
        """Appends training health. Raises OSError, ActiVisError."""
        blob = encode_health(health)

        def append() -> None:
            with self._lock:
                self.directory.restore()
                self._latest = max(health.wall_time, math.nextafter(self._latest, math.inf))
                self.events.write_blobs({metadata.HEALTH_TAG: blob}, health.steps[-1], self._latest, beside=True)

        uninterrupted(append)

    def close(self) -> None:
        """Closes the event file; safe to call twice."""
        with self._lock:
            self.events.close()
