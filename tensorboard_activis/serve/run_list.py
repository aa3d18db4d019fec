"""Lists runs and their steps. Every open tab polls this, so the descriptions of unchanged runs are cached."""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tensorboard_activis import metadata
from tensorboard_activis.blobs import event_file_names
from tensorboard_activis.files import missing, names_in, status_in
from tensorboard_activis.query.contract import Records
from tensorboard_activis.serve.cache import Cache
from tensorboard_activis.serve.damage import DamageWatch
from tensorboard_activis.serve.directories import Root, list_together, run_directory, shown_name, why_unreachable
from tensorboard_activis.serve.editions import Editions
from tensorboard_activis.serve.encoding import encode_json
from tensorboard_activis.serve.event_source import Data, Entry, EventSource, RequestScope, Series
from tensorboard_activis.serve.json_values import is_text
from tensorboard_activis.stores.faults import without_secrets
from tensorboard_activis.stores.path import Location, StorePath

logger = logging.getLogger(__name__)

#: Seconds that one request spends on reading snapshots that are not in the cache.
READ_SECONDS = 1.0
#: Seconds after the last write from which a run is described again only when its fingerprint changes.
SETTLED_SECONDS = 120.0
#: Seconds after which a run is always described again: some file systems do not update a directory when a file is deleted.
DESCRIBED_SECONDS = 600.0
#: Size of the cache of descriptions in bytes, and the approximate bytes of a step.
_BYTES, _STEP = 128 << 20, 500


Progress = Callable[[], bool]
#: Name, time of the last change of its content (ns), size, number, and time of the last change of anything (ns).
_File = tuple[str, int, int, int, int]


@dataclass(frozen=True, slots=True)
class StepInfo:
    """A snapshot of a run.

    Attributes:
        step: training step.
        wall_time: when it was recorded, seconds since 1970.
        digest: of its record; another one means other content. None where it was not read.
        accuracy: over all instances seen; None where it has no meaning or is not known yet.
        loss: likewise.
        thinned: whether the activations of its instances were removed to bound the disk; its summaries are there.
        problem: why it cannot be read, in words; None when it can.
    """

    step: int
    wall_time: float
    digest: str | None
    accuracy: float | None
    loss: float | None
    thinned: bool
    problem: str | None


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run with activations.

    Attributes:
        name: the directory that the user gave, the parent of our own `activis` directory.
        problems: what cannot be read of it, in words.
        steps: ascending.
        health: the last training step whose health is known; null where none was recorded.
    """

    name: str
    problems: tuple[str, ...]
    steps: Records[StepInfo]
    health: int | None


@dataclass(frozen=True, slots=True)
class Runs:
    """All runs below the log directory.

    Attributes:
        logdir: the directory that TensorBoard was given.
        runs: those with activations.
        other_runs: names of those without.
        docs: whether the documentation of this version is beside this route, from `docs/index.html` on.
    """

    logdir: str
    runs: Records[RunInfo]
    other_runs: tuple[str, ...]
    docs: bool


@dataclass(frozen=True, slots=True)
class _Fingerprint:
    """Detects whether a run changed, from the `os.stat` results of its directory and event files only.

    `files` are the directory itself and its event files; `series` is how far TensorBoard has read them.
    """

    series: Series
    directory: Location | None
    files: tuple[_File, ...]


@dataclass(frozen=True, slots=True)
class _CachedRun:
    fingerprint: _Fingerprint
    at: float
    answer: RunInfo


class RunList:
    """Makes the answer of the route `runs`. A run that cannot be read has a message in `problems`, and disturbs no other."""

    def __init__(self, events: EventSource, editions: Editions, logdir: str, roots: list[Root], docs: bool) -> None:
        self._events, self._editions = events, editions
        self._logdir, self._roots, self._docs = logdir, roots, docs
        self._damage = DamageWatch()
        self._cache: Cache[_CachedRun] = Cache(_BYTES)
        self._encoded: tuple[Runs | None, bytes] = None, b""
        self._read_lock, self._ahead_lock = threading.Lock(), threading.Lock()

    def answer(self, scope: RequestScope) -> Runs:
        """All runs and their steps.

        With very many snapshots, the first answers have only step and time of some; the rest is read in a background thread.
        """
        end = time.monotonic() + READ_SECONDS
        reads: bool | None = None
        left_out = False

        def more() -> bool:
            # Of concurrent requests one reads and the others wait for it; while the background thread reads, none does.
            nonlocal reads, left_out
            if reads is None:
                reads = not self._ahead_lock.locked() and self._read_lock.acquire(
                    timeout=max(0, end - time.monotonic())
                )
            left_out |= not reads or time.monotonic() > end
            return not left_out

        try:
            answer = self._answer(scope, more)
        finally:
            if reads:
                self._read_lock.release()
        if left_out:
            self._read_ahead(scope)
        return answer

    def text(self, scope: RequestScope) -> bytes:
        """The answer as JSON, serialized again only when it changed."""
        answer = self.answer(scope)
        before, text = self._encoded
        if answer != before:
            text = encode_json(answer)
            self._encoded = answer, text
        return text

    def _read_ahead(self, scope: RequestScope) -> None:
        """Reads all snapshots into the cache in a background thread, for the next request."""
        if not self._ahead_lock.acquire(blocking=False):
            return

        def work() -> None:
            try:
                self._answer(scope, lambda: True)
            except Exception:  # the next request meets the same error and reports it
                logger.debug("Reading ahead ended", exc_info=True)
            finally:
                self._ahead_lock.release()

        threading.Thread(target=work, name="activis-ahead", daemon=True).start()

    def _answer(self, scope: RequestScope, more: Progress) -> Runs:
        series = self._events.series(scope)
        before = {run: self._cache.peek((scope.experiment, run)) for run in series}
        list_together(series, self._roots)
        fingerprints = {run: self._fingerprint(run, series[run], before[run]) for run in series}
        unchanged = {
            run: cached.answer
            for run, cached in before.items()
            if cached is not None and _unchanged(cached, fingerprints[run])
        }
        self._damage.forget_others(fingerprint.directory for fingerprint in fingerprints.values())
        data = self._events.data(scope, [run for run in series if run not in unchanged])
        described: dict[str, RunInfo] = {}
        for run in sorted(series, key=_natural):
            name = shown_name(run) if shown_name(run) not in described else run
            answer = unchanged.get(run) or self._describe(scope, run, fingerprints[run], data.get(run, {}), more)
            described[name] = replace(answer, name=name)
        every = self._events.run_names(scope)
        others = sorted((run for run in every if run not in series and run not in described), key=_natural)
        return Runs(self._logdir, Records(RunInfo, described.values()), tuple(others), self._docs)

    def _fingerprint(self, run: str, series: Series, before: _CachedRun | None) -> _Fingerprint:
        directory = run_directory(run, self._roots)
        return _Fingerprint(
            series,
            directory,
            () if directory is None else _files(directory, before.fingerprint.files if before else ()),
        )

    def _describe(
        self, scope: RequestScope, run: str, fingerprint: _Fingerprint, data: Data, more: Progress
    ) -> RunInfo:
        at, complete = time.time(), True

        def in_time() -> bool:
            nonlocal complete
            complete &= more()
            return complete

        versions = {metadata.format_version(series.plugin_content) for series in fingerprint.series.values()}
        problems = [metadata.newer_version(version) for version in versions if version != metadata.FORMAT_VERSION]
        if fingerprint.directory is None:
            problems.append(
                f"The directory of the run {shown_name(run)} cannot be found below {without_secrets(self._logdir)}: large arrays "
                f"are missing. {why_unreachable(self._roots)}".strip()
            )
        else:
            problems += self._damage.problems(fingerprint.directory, in_time)
        steps = []
        if not is_text(run):
            problems.append(
                "The name of this run's directory is not UTF-8, so that it cannot be asked about. Rename the directory."
            )
        elif not problems or metadata.FORMAT_VERSION in versions:
            names = _names(fingerprint.directory)
            edition = self._editions.edition(fingerprint.directory)
            for entry in self._events.current(scope, data, edition, in_time).values():
                complete &= entry.lasting
                steps.append(_step(entry, names))
        health = fingerprint.series.get(metadata.HEALTH_TAG)
        last = None if health is None else health.max_step
        answer = RunInfo(run, tuple(problems), Records(StepInfo, steps), last)
        if complete:
            described = _CachedRun(fingerprint, at, answer)
            self._cache.put((scope.experiment, run), described, _STEP * (1 + len(steps) + len(fingerprint.files)))
        return answer


def _unchanged(described: _CachedRun, fingerprint: _Fingerprint) -> bool:
    """Whether a cached description is still valid: the fingerprint is equal, and the last change was not too recent to show."""
    changed = max((time_ns for _, time_ns, *_ in fingerprint.files), default=0) / 1e9
    return (
        described.fingerprint == fingerprint
        and changed < described.at - SETTLED_SECONDS
        and time.time() - described.at < DESCRIBED_SECONDS
    )


def _files(directory: Location, before: tuple[_File, ...]) -> tuple[_File, ...]:
    """The status of the directory and its event files; the directory is listed only when it changed."""
    if isinstance(directory, StorePath):
        return ("", 0, 0, 0, 0), *(_file(directory, name) for name in event_file_names(directory))
    own = _file(directory, "")
    same = bool(before) and before[0] == own
    names = [name for name, *_ in before[1:]] if same else event_file_names(directory)
    return own, *(_file(directory, name) for name in names)


def _file(directory: Location, name: str) -> _File:
    try:
        status = status_in(directory, name, follow=True)
    except OSError:
        return name, 0, 0, 0, 0
    return name, status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns


def _names(directory: Location | None) -> set[str] | None:
    """The names of the files in a directory; None when the directory is not known."""
    if directory is None:
        return None
    try:
        if isinstance(directory, StorePath):
            return set(names_in(directory))
        with os.scandir(directory) as entries:
            return {entry.name for entry in entries if entry.is_file()}
    except OSError:
        return set()


def _step(entry: Entry, names: set[str] | None) -> StepInfo:
    brief, problem = entry.brief, entry.problem
    lost = [name for name in brief.files if name not in names] if brief and names is not None else []
    left = [name for name in lost if names is not None and metadata.stand_in(name) in names]
    lost = [] if left else lost
    if lost:
        problem = missing(*lost)
    return StepInfo(
        step=entry.step,
        wall_time=brief.wall_time if brief else entry.wall_time,
        digest=brief.digest if brief else None,
        accuracy=brief.accuracy if brief else None,
        loss=brief.loss if brief else None,
        thinned=bool(left),
        problem=problem,
    )


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key for natural order: run10 after run9."""
    digits = "0123456789"
    parts: list[str] = []
    for character in name:
        if parts and (parts[-1][-1] in digits) == (character in digits):
            parts[-1] += character
        else:
            parts.append(character)
    return [(0, int(part), "") if part[0] in digits else (1, 0, part) for part in parts]
