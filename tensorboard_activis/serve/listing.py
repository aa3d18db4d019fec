"""What runs and steps there are. Every open tab asks it again and again: a run that did not change costs next to nothing."""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tensorboard_activis import metadata
from tensorboard_activis.blobs import event_files
from tensorboard_activis.files import missing
from tensorboard_activis.query.contract import Records
from tensorboard_activis.serve.announced import Announced, Data, Entry, Request, Series
from tensorboard_activis.serve.cache import Cache
from tensorboard_activis.serve.damage import DamageWatch
from tensorboard_activis.serve.directories import Root, run_directory, shown_name
from tensorboard_activis.serve.editions import Editions
from tensorboard_activis.serve.encoding import encode_json

logger = logging.getLogger(__name__)

#: So long a listing goes on reading snapshots that it does not know yet.
LISTING_SECONDS = 1.0
#: A run that nobody wrote to for so many seconds is described again only when something about it changes.
SETTLED_SECONDS = 120.0
#: And after so many anyway: there are file systems that do not tell when a file went.
DESCRIBED_SECONDS = 600.0
#: Bytes of descriptions that are kept, and about what a step takes of them.
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
        problem: why it cannot be read, in words; None when it can.
    """

    step: int
    wall_time: float
    digest: str | None
    accuracy: float | None
    loss: float | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run with activations.

    Attributes:
        name: the directory that the user gave, the parent of our own `activis` directory.
        problems: what cannot be read of it, in words.
        steps: ascending.
    """

    name: str
    problems: tuple[str, ...]
    steps: Records[StepInfo]


@dataclass(frozen=True, slots=True)
class Runs:
    """What there is.

    Attributes:
        logdir: the directory that TensorBoard was given.
        runs: those with activations.
        other_runs: names of those without.
    """

    logdir: str
    runs: Records[RunInfo]
    other_runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Signs:
    """What shows that a run changed, had by looking at its directory and its event files only.

    `files` are the directory itself and its event files; `series` how far TensorBoard has read them.
    """

    series: Series
    directory: Path | None
    files: tuple[_File, ...]


@dataclass(frozen=True, slots=True)
class _Described:
    signs: _Signs
    at: float
    answer: RunInfo


class Listing:
    """The answer of the route `runs`: a run that cannot be read says so and disturbs no other."""

    def __init__(self, announced: Announced, editions: Editions, logdir: str, roots: list[Root]) -> None:
        self._announced, self._editions = announced, editions
        self._logdir, self._roots = logdir, roots
        self._damage = DamageWatch()
        self._described: Cache[_Described] = Cache(_BYTES)
        self._encoded: tuple[Runs | None, bytes] = None, b""
        self._reading, self._ahead = threading.Lock(), threading.Lock()

    def answer(self, request: Request) -> Runs:
        """All runs and their steps.

        With very many snapshots the first answers know some of them by step and time only; the rest is read meanwhile.
        """
        end = time.monotonic() + LISTING_SECONDS
        reads: bool | None = None
        left_out = False

        def more() -> bool:
            # Of several that ask at once one reads, and the others wait for it; while the rest is read, nobody does.
            nonlocal reads, left_out
            if reads is None:
                reads = not self._ahead.locked() and self._reading.acquire(timeout=max(0, end - time.monotonic()))
            left_out |= not reads or time.monotonic() > end
            return not left_out

        try:
            answer = self._answer(request, more)
        finally:
            if reads:
                self._reading.release()
        if left_out:
            self._read_ahead(request)
        return answer

    def text(self, request: Request) -> bytes:
        """The answer as JSON, written anew only when it changed."""
        answer = self.answer(request)
        before, text = self._encoded
        if answer != before:
            text = encode_json(answer)
            self._encoded = answer, text
        return text

    def _read_ahead(self, request: Request) -> None:
        """Goes through all snapshots in the background, so that the next listing knows them."""
        if not self._ahead.acquire(blocking=False):
            return

        def work() -> None:
            try:
                self._answer(request, lambda: True)
            except Exception:  # the next listing meets it again, and says it
                logger.debug("Reading ahead ended", exc_info=True)
            finally:
                self._ahead.release()

        threading.Thread(target=work, name="activis-ahead", daemon=True).start()

    def _answer(self, request: Request, more: Progress) -> Runs:
        found = self._announced.series(request)
        before = {run: self._described.peek((request.experiment, run)) for run in found}
        signs = {run: self._signs(run, found[run], before[run]) for run in found}
        known = {run: one.answer for run, one in before.items() if one is not None and _holds(one, signs[run])}
        self._damage.keep(one.directory for one in signs.values())
        data = self._announced.data(request, [run for run in found if run not in known])
        described: dict[str, RunInfo] = {}
        for run in sorted(found, key=_natural):
            name = shown_name(run) if shown_name(run) not in described else run
            answer = known.get(run) or self._describe(request, run, signs[run], data.get(run, {}), more)
            described[name] = replace(answer, name=name)
        every = self._announced.run_names(request)
        others = sorted((run for run in every if run not in found and run not in described), key=_natural)
        return Runs(self._logdir, Records(RunInfo, described.values()), tuple(others))

    def _signs(self, run: str, series: Series, before: _Described | None) -> _Signs:
        directory = run_directory(run, self._roots)
        return _Signs(
            series, directory, () if directory is None else _files(directory, before.signs.files if before else ())
        )

    def _describe(self, request: Request, run: str, signs: _Signs, data: Data, more: Progress) -> RunInfo:
        at, complete = time.time(), True

        def in_time() -> bool:
            nonlocal complete
            complete &= more()
            return complete

        versions = {metadata.format_version(series.plugin_content) for series in signs.series.values()}
        problems = [metadata.newer_version(version) for version in versions if version != metadata.FORMAT_VERSION]
        if signs.directory is None:
            problems.append(
                f"The directory of the run {shown_name(run)} cannot be found below {self._logdir}: large arrays are missing."
            )
        else:
            problems += self._damage.problems(signs.directory, in_time)
        steps = []
        if not problems or metadata.FORMAT_VERSION in versions:
            names = _names(signs.directory)
            edition = self._editions.edition(signs.directory)
            for entry in self._announced.current(request, data, edition, in_time).values():
                complete &= entry.lasting
                steps.append(_step(entry, names))
        answer = RunInfo(run, tuple(problems), Records(StepInfo, steps))
        if complete:
            described = _Described(signs, at, answer)
            self._described.put((request.experiment, run), described, _STEP * (1 + len(steps) + len(signs.files)))
        return answer


def _holds(described: _Described, signs: _Signs) -> bool:
    """Whether a run is still as it was described: nothing changed since, nor so shortly before that it might not show."""
    changed = max((time_ns for _, time_ns, *_ in signs.files), default=0) / 1e9
    return (
        described.signs == signs
        and changed < described.at - SETTLED_SECONDS
        and time.time() - described.at < DESCRIBED_SECONDS
    )


def _files(directory: Path, before: tuple[_File, ...]) -> tuple[_File, ...]:
    """The directory and its event files, whose names are looked for only when the directory changed."""
    here = _file(directory, "")
    same = bool(before) and before[0] == here
    names = [name for name, *_ in before[1:]] if same else [path.name for path in event_files(directory)]
    return here, *(_file(directory, name) for name in names)


def _file(directory: Path, name: str) -> _File:
    try:
        status = os.stat(os.path.join(directory, name))
    except OSError:
        return name, 0, 0, 0, 0
    return name, status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns


def _names(directory: Path | None) -> set[str] | None:
    """The files in it; None when it cannot be read."""
    if directory is None:
        return None
    try:
        with os.scandir(directory) as found:
            return {one.name for one in found if one.is_file()}
    except OSError:
        return set()


def _step(entry: Entry, names: set[str] | None) -> StepInfo:
    brief, problem = entry.brief, entry.problem
    lost = [name for name in brief.files if name not in names] if brief and names is not None else []
    if lost:
        problem = missing(*lost)
    return StepInfo(
        step=entry.step,
        wall_time=brief.wall_time if brief else entry.wall_time,
        digest=brief.digest if brief else None,
        accuracy=brief.accuracy if brief else None,
        loss=brief.loss if brief else None,
        problem=problem,
    )


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sorts run10 after run9."""
    digits = "0123456789"
    parts: list[str] = []
    for character in name:
        if parts and (parts[-1][-1] in digits) == (character in digits):
            parts[-1] += character
        else:
            parts.append(character)
    return [(0, int(part), "") if part[0] in digits else (1, 0, part) for part in parts]
