"""A clock that never goes back, because sessions and event files are ordered by their start time."""

import re
import time
import warnings
from datetime import datetime

from tensorboard_activis.errors import ActiVisWarning
from tensorboard_activis.stores.path import Location

#: Seconds that the clocks of machines writing to one directory may differ without a warning.
_TOLERANCE = 60.0
_SESSION = re.compile(r"([0-9a-f]{12})-.*")
_EVENT_FILE = re.compile(r"events\.out\.tfevents\.[0-9]{1,11}\.(?:.*?\.)?([0-9a-f]{12})-[0-9a-f]+(?:\..*)?")
_MILLISECOND = 0.001


class Clock:
    """Seconds since 1970: later than the start of every session in `directory`, and never earlier than before.

    When the system's clock was set back, it warns once and keeps the latest time.
    """

    def __init__(self, directory: Location) -> None:
        self._latest = _latest_start(directory)
        self._said = False

    def now(self) -> float:
        """The time; at least that of the last call."""
        now = time.time()
        if now < self._latest - _TOLERANCE and not self._said:
            self._said = True
            warnings.warn(
                f"ActiVis: the clock was set back. It says {_shown(now)}, but this run was written to at "
                f"{_shown(self._latest)}. What is logged now keeps that time, so that it counts as the newer.",
                ActiVisWarning,
                stacklevel=4,
            )
        self._latest = max(now, self._latest)
        return self._latest


def session_time(seconds: float) -> str:
    """The beginning of a session's name: its start in milliseconds, in hexadecimal, so that names sort by time."""
    return f"{int(seconds * 1000):012x}"


def session_start(session: str) -> float | None:
    """When a session began, in seconds since 1970; None for a name without a time."""
    match = _SESSION.fullmatch(session)
    return int(match[1], 16) / 1000 if match else None


def _latest_start(directory: Location) -> float:
    """Two milliseconds after the last session began, in seconds since 1970; 0 when there was none."""
    matches = (_EVENT_FILE.fullmatch(path.name) for path in directory.glob("events.out.tfevents.*"))
    starts = [int(match[1], 16) / 1000 for match in matches if match]
    return max(starts) + 2 * _MILLISECOND if starts else 0.0


def _shown(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds).isoformat(" ", "seconds")
    except (OverflowError, OSError, ValueError):
        return f"{seconds:.0f} s after 1970"
