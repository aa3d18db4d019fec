"""Looks for findings in each snapshot that was written, and tells the user of new ones; never stops training."""

from collections.abc import Callable
from typing import Any

from tensorboard_activis import schema
from tensorboard_activis.alerts.scalars import scalars
from tensorboard_activis.errors import ActiVisError, warn
from tensorboard_activis.metadata import RUN_DIRECTORY
from tensorboard_activis.query.findings.finding import Finding, FindingKind
from tensorboard_activis.query.findings.outcomes import forget_conditions
from tensorboard_activis.query.findings.search import SEARCHES
from tensorboard_activis.query.limits import TooLargeError, time_limit
from tensorboard_activis.query.run import open_run
from tensorboard_activis.query.snapshot import Snapshot
from tensorboard_activis.stores.path import Location

#: Looked for at every snapshot: exact or quick, and then what takes longer, as far as the time goes.
_KINDS: tuple[FindingKind, ...] = ("dead", "exploding", "collapsed", "spike", "failing-slice", "shortcut")
#: Seconds for the findings of a snapshot, and for its scalars: training waits for them.
SECONDS = 5.0
#: Steps that are kept to compare with.
_MOST_STEPS = 60


class Alerts:
    """Called with every snapshot of a run after it was written; gives the scalars to write.

    Arguments:
        on_finding: called once for every new finding, in the thread that logs. What it raises is one warning.
        warns: whether there is one warning for the first finding of each kind.
        writes_scalars: whether `__call__` returns scalars.
    """

    def __init__(self, on_finding: Callable[[Finding], Any] | None, *, warns: bool, writes_scalars: bool) -> None:
        self._on_finding, self._warns, self._writes_scalars = on_finding, warns, writes_scalars
        self._snapshots: list[Snapshot] | None = None
        self._known: set[tuple[object, ...]] = set()
        self._warned_kinds: set[str] = set()
        self._said: set[str] = set()

    def __call__(self, directory: Location, record: schema.Snapshot) -> list[tuple[str, float]]:
        """Looks at a snapshot; returns tags and values for TensorBoard's dashboards. Raises nothing of its own or of the user's."""
        try:
            snapshots = self._with(directory, record)
            if self._warns or self._on_finding is not None:
                for finding in _found(snapshots):
                    self._tell(finding)
            if not self._writes_scalars:
                return []
            with time_limit(SECONDS):
                return scalars(snapshots)
        except Exception as error:
            self._say(
                "findings", f"ActiVis could not look for findings while training: {type(error).__name__}: {error}"
            )
            return []

    def _with(self, directory: Location, record: schema.Snapshot) -> list[Snapshot]:
        """The snapshots up to this one; at first those are read that were logged before."""
        if self._snapshots is None:
            try:
                run = open_run(directory)
                self._snapshots = [run.snapshot(step) for step in run.steps if step < record.step][-_MOST_STEPS:]
            except ActiVisError:
                self._snapshots = []
        kept = [one for one in self._snapshots if one.step < record.step][1 - _MOST_STEPS :]
        snapshots = [*kept, Snapshot(record, directory / RUN_DIRECTORY, lambda: snapshots)]
        self._snapshots = snapshots
        return snapshots

    def _tell(self, finding: Finding) -> None:
        key = finding.kind, finding.layer, finding.subset, finding.step
        if key in self._known:
            return
        self._known.add(key)
        if self._warns and finding.kind not in self._warned_kinds:
            self._warned_kinds.add(finding.kind)
            warn(f"ActiVis: {finding.sentence} (Said once for {finding.kind}; the tab lists all findings.)")
        if self._on_finding is not None:
            try:
                self._on_finding(finding)
            except Exception as error:
                self._say(
                    "on_finding",
                    f"ActiVis: on_finding raised {type(error).__name__}: {error}. Training goes on. (Said once.)",
                )

    def _say(self, topic: str, message: str) -> None:
        if topic not in self._said:
            self._said.add(topic)
            warn(message)


def _found(snapshots: list[Snapshot]) -> list[Finding]:
    """Findings of the last snapshot, as many kinds as the time allows."""
    found: list[Finding] = []
    try:
        with time_limit(SECONDS):
            for kind in _KINDS:
                try:
                    found += SEARCHES[kind](snapshots)
                except TooLargeError:
                    break
                except ActiVisError:  # the tab says what cannot be looked for
                    continue
    finally:
        forget_conditions(snapshots[-1])
    return found


def alerts_of(options: Any) -> Alerts | None:
    """What the keywords `on_finding`, `alerts` and `scalars` ask for; None for nothing."""
    on_finding, warns, writes = options["on_finding"], options["alerts"], options["scalars"]
    if on_finding is None and not warns and not writes:
        return None
    return Alerts(on_finding, warns=bool(warns), writes_scalars=bool(writes))
