"""Looks for findings: at once where that is quick, else in a background job."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, cast

from tensorboard_activis.query.contract import Records
from tensorboard_activis.query.findings.finding import Finding, Findings
from tensorboard_activis.query.findings.search import search
from tensorboard_activis.query.limits import AbandonedError, time_limit
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve.cache import Cache
from tensorboard_activis.serve.jobs import Job, Jobs
from tensorboard_activis.serve.request_slots import RequestSlots

#: Activations of a snapshot from which the search is a background job.
QUICK_VALUES = 1 << 23
#: Seconds that a job may take.
_JOB_SECONDS = 600.0
_KEPT = 64


class FindingSearches:
    """Searches for findings, with what was found in the last ones.

    Args:
        slots: bounds the number of requests that compute at a time.
    """

    def __init__(self, slots: RequestSlots) -> None:
        self._slots = slots
        self._jobs: Jobs[Findings] = Jobs()
        self._cache: Cache[Findings] = Cache(_KEPT)

    def find(self, snapshots: Sequence[SnapshotReader], action: str | None = None) -> Findings:
        """The findings of the last of these snapshots, with the state of the search.

        Args:
            snapshots: of one run, steps ascending.
            action: "start" submits the job unless it is done or running, "cancel" cancels it; None changes nothing.

        Raises:
            QueryError: the search failed, or takes too long.
            TooLargeError: too many jobs are queued.
        """
        key = tuple(one.digest for one in snapshots)
        if is_quick(snapshots[-1]):
            return self._cache.get(key, lambda: self._at_once(snapshots))
        if action == "cancel":
            job = self._jobs.cancel(key)
            return _state("cancelled") if job is None else _so_far(job)
        self._jobs.raise_failure(key, "The search for findings")
        if action is None:
            job = self._jobs.poll(key)
            return _state("not_started") if job is None else _so_far(job)
        return _so_far(self._jobs.submit(key, lambda job: _work(snapshots, job)))

    def _at_once(self, snapshots: Sequence[SnapshotReader]) -> Findings:
        with self._slots:
            return search(snapshots)


def is_quick(snapshot: SnapshotReader) -> bool:
    """Whether the findings of a snapshot are there within the time of a request."""
    values = snapshot.stored_instances * sum(layer.info.neurons for layer in snapshot.record.layers)
    return values <= QUICK_VALUES


def _work(snapshots: Sequence[SnapshotReader], job: Job[Findings]) -> Findings:
    try:
        with time_limit(_JOB_SECONDS, lambda: not job.wanted()):
            return search(snapshots, job.report)
    except AbandonedError:
        return job.result or _state("cancelled")


def _state(state: Literal["not_started", "cancelled"]) -> Findings:
    return Findings(Records(Finding), (), state, 0.0)


def _so_far(job: Job[Findings]) -> Findings:
    found = job.result or _state("not_started")
    state = cast(Literal["queued", "running", "done", "cancelled"], job.state)
    return replace(found, state=state, progress=job.progress)
