"""TensorBoard's runs as ours: blobs from its data provider, arrays from the run's directory."""

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tensorboard import errors as tensorboard_errors
from tensorboard.context import RequestContext
from tensorboard.data import provider
from tensorboard.plugins import base_plugin

from tensorboard_activis import codec, metadata, schema
from tensorboard_activis.errors import NotFoundError, UnreadableError
from tensorboard_activis.read.run import current
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve.cache import Cache
from tensorboard_activis.serve.damage import DamageWatch
from tensorboard_activis.serve.directories import roots, run_directory, shown_name

logger = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")

#: So long a listing goes on reading snapshots that it does not know yet.
LISTING_SECONDS = 1.0
_ALL = 1_000_000
_RECORD_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """Whose data a request may see: TensorBoard's request context and experiment."""

    context: RequestContext
    experiment: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """One announced snapshot: its record without arrays, or what is wrong with it; neither when it was not read yet."""

    step: int
    wall_time: float
    key: str
    brief: schema.Snapshot | None
    problem: str | None


class Runs:
    """All runs with our data. Nothing is remembered but decoded blobs, in bounded caches: runs may come, grow and go."""

    def __init__(self, context: base_plugin.TBContext) -> None:
        self._provider: provider.DataProvider = context.data_provider
        spec = str(getattr(context.flags, "logdir_spec", "") or "")
        self.logdir = str(context.logdir or spec)
        self._roots = roots(str(context.logdir or ""), spec)
        self._entries: Cache[_Entry] = Cache(200_000)
        self._records: Cache[tuple[schema.Snapshot, int]] = Cache(_RECORD_BYTES)
        self._graphs: Cache[schema.Graph] = Cache(32)
        self._readers: Cache[SnapshotReader] = Cache(16)
        self._damage = DamageWatch()
        self._ahead = threading.Lock()

    # What there is

    def listing(self, request: Request) -> dict[str, object]:
        """The answer of the route `runs`: a run that cannot be read says so and disturbs no other.

        With very many snapshots the first answers know some of them by step and time only; the rest is read meanwhile.
        """
        end = time.monotonic() + LISTING_SECONDS
        left_out = False

        def more() -> bool:
            nonlocal left_out
            left_out |= time.monotonic() > end
            return not left_out

        answer = self._listing(request, more)
        if left_out:
            self._read_ahead(request)
        return answer

    def _read_ahead(self, request: Request) -> None:
        """Goes through all snapshots in the background, so that the next listing knows them."""
        if not self._ahead.acquire(blocking=False):
            return

        def work() -> None:
            try:
                self._listing(request, lambda: True)
            except Exception:  # the next listing meets it again, and says it
                logger.debug("Reading ahead ended", exc_info=True)
            finally:
                self._ahead.release()

        threading.Thread(target=work, name="activis-ahead", daemon=True).start()

    def _listing(self, request: Request, more: Callable[[], bool]) -> dict[str, object]:
        found = _settled(
            lambda: self._provider.list_blob_sequences(
                request.context, experiment_id=request.experiment, plugin_name=metadata.PLUGIN_NAME
            )
        )
        blobs = self._blobs(request, None)
        described: dict[str, dict[str, object]] = {}
        for run in sorted(found, key=_natural):
            name = shown_name(run) if shown_name(run) not in described else run
            described[name] = self._describe(request, run, name, found[run], blobs.get(run, {}), more)
        every = (run.run_name for run in self._provider.list_runs(request.context, experiment_id=request.experiment))
        others = sorted((run for run in every if run not in found and run not in described), key=_natural)
        return {"logdir": self.logdir, "runs": list(described.values()), "other_runs": others}

    def _describe(
        self,
        request: Request,
        run: str,
        name: str,
        tags: Mapping[str, provider.BlobSequenceTimeSeries],
        blobs: Mapping[str, Sequence[provider.BlobSequenceDatum]],
        more: Callable[[], bool],
    ) -> dict[str, object]:
        problems: list[str] = []
        versions = {metadata.format_version(series.plugin_content) for series in tags.values()}
        problems += [metadata.newer_version(version) for version in versions if version != metadata.FORMAT_VERSION]
        directory = run_directory(run, self._roots)
        if directory is None:
            problems.append(
                f"The directory of the run {name} cannot be found below {self.logdir}: large arrays are missing."
            )
        else:
            problems += self._damage.problems(directory, more)
        steps = []
        if not problems or metadata.FORMAT_VERSION in versions:
            entries = self._current(request, blobs.get(metadata.SNAPSHOT_TAG, ()), more)
            for entry in entries.values():
                brief = entry.brief
                steps.append(
                    {
                        "step": entry.step,
                        "wall_time": brief.wall_time if brief else entry.wall_time,
                        "accuracy": brief.metrics.get("accuracy") if brief else None,
                        "loss": brief.metrics.get("loss") if brief else None,
                        "problem": entry.problem or (self._missing(brief, directory) if brief and directory else None),
                    }
                )
        return {"name": name, "problems": problems, "steps": steps}

    def _missing(self, brief: schema.Snapshot, directory: Path) -> str | None:
        names = [*brief.instances, *(name for layer in brief.layers for name in layer.activations.files)]
        missing = [name for name in dict.fromkeys(names) if not (directory / name).is_file()]
        if not missing:
            return None
        return f"{', '.join(missing)} is missing. It lay beside the event file; was the run copied without it?"

    # One of them

    def snapshot(self, request: Request, run: str, step: int) -> SnapshotReader:
        """The snapshot of one step. Raises NotFoundError, UnreadableError."""
        data_run, blobs = self._find(request, run)
        entries = self._current(request, blobs.get(metadata.SNAPSHOT_TAG, ()))
        if step not in entries:
            steps = ", ".join(str(step) for step in list(entries)[:20]) or "none"
            raise NotFoundError(f"The run {run:.80} has no snapshot of step {step}. There are: {steps}.")
        return self._reader(request, data_run, entries[step])

    def snapshots(self, request: Request, run: str) -> list[SnapshotReader]:
        """All snapshots that can be read, steps ascending."""
        data_run, blobs = self._find(request, run)
        entries = self._current(request, blobs.get(metadata.SNAPSHOT_TAG, ()))
        return [self._reader(request, data_run, entry) for entry in entries.values() if entry.problem is None]

    def graph(self, request: Request, run: str) -> schema.Graph:
        """The run's newest graph. Raises NotFoundError, UnreadableError."""
        _, blobs = self._find(request, run)
        data = blobs.get(metadata.GRAPH_TAG, ())
        if not data:
            raise NotFoundError(f"The run {run:.80} has no graph.")
        newest = max(data, key=lambda datum: datum.wall_time)
        key = newest.values[0].blob_key
        return self._graphs.get(
            (request.experiment, key, newest.wall_time), lambda: codec.decode_graph(self._blob(request, key))
        )

    def _find(self, request: Request, run: str) -> tuple[str, Mapping[str, Sequence[provider.BlobSequenceDatum]]]:
        own = metadata.RUN_DIRECTORY if run == "." else f"{run}/{metadata.RUN_DIRECTORY}"
        blobs = self._blobs(request, [own, run])
        for name in (own, run):
            if blobs.get(name):
                return name, blobs[name]
        raise NotFoundError(f"There is no run {run:.80} with activations below {self.logdir}.")

    def _reader(self, request: Request, run: str, entry: _Entry) -> SnapshotReader:
        if entry.problem is not None:
            raise UnreadableError(entry.problem)
        directory = run_directory(run, self._roots) or Path(self.logdir)

        def make() -> SnapshotReader:
            record, _ = self._records.get(
                (request.experiment, entry.key, entry.wall_time),
                lambda: self._decoded(request, entry.key),
                lambda decoded: decoded[1],
            )
            return SnapshotReader(record, directory)

        return self._readers.get((request.experiment, entry.key, entry.wall_time, directory), make)

    # Blobs

    def _blobs(
        self, request: Request, runs: Sequence[str] | None
    ) -> Mapping[str, Mapping[str, Sequence[provider.BlobSequenceDatum]]]:
        try:
            found: Mapping[str, Mapping[str, Sequence[provider.BlobSequenceDatum]]] = _settled(
                lambda: self._provider.read_blob_sequences(
                    request.context,
                    experiment_id=request.experiment,
                    plugin_name=metadata.PLUGIN_NAME,
                    downsample=_ALL,
                    run_tag_filter=provider.RunTagFilter(runs=runs),
                )
            )
        except tensorboard_errors.NotFoundError:
            return {}
        return found

    def _current(
        self,
        request: Request,
        data: Sequence[provider.BlobSequenceDatum],
        more: Callable[[], bool] = lambda: True,
    ) -> dict[int, _Entry]:
        """What counts, by step ascending: the newest session wins, older sessions' later steps are superseded."""
        entries = [self._entry(request, datum, more) for datum in data if datum.values]
        good = {(entry.brief.session, entry.step): entry for entry in entries if entry.brief is not None}
        briefs = current(entry.brief for entry in good.values() if entry.brief is not None)
        kept = {step: good[brief.session, step] for step, brief in briefs.items()}
        for entry in entries:
            if entry.brief is None:
                kept.setdefault(entry.step, entry)
        return dict(sorted(kept.items()))

    def _entry(self, request: Request, datum: provider.BlobSequenceDatum, more: Callable[[], bool]) -> _Entry:
        key = datum.values[0].blob_key
        known = self._entries.peek((request.experiment, key, datum.wall_time))
        if known is None and not more():
            return _Entry(datum.step, datum.wall_time, key, None, None)

        def make() -> _Entry:
            try:
                record, _ = self._decoded(request, key)
            except UnreadableError as error:
                return _Entry(datum.step, datum.wall_time, key, None, str(error))
            return _Entry(record.step, datum.wall_time, key, _brief(record), None)

        return self._entries.get((request.experiment, key, datum.wall_time), make)

    def _decoded(self, request: Request, key: str) -> tuple[schema.Snapshot, int]:
        blob = self._blob(request, key)
        return codec.decode_snapshot(blob), len(blob)

    def _blob(self, request: Request, key: str) -> bytes:
        try:
            return bytes(self._provider.read_blob(request.context, blob_key=key))
        except tensorboard_errors.PublicError as error:
            raise UnreadableError(f"TensorBoard has this snapshot no more: {error}. Reload the page.") from error


def _settled(question: Callable[[], _Answer]) -> _Answer:
    """Asks until TensorBoard's loader is not just adding to the very table that the answer is read from.

    Its data provider goes through the tags of a run without a lock (`MultiplexerDataProvider._index`).
    """
    end = time.monotonic() + LISTING_SECONDS
    while True:
        try:
            return question()
        except RuntimeError as error:
            if "changed size during iteration" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.005)


def _brief(record: schema.Snapshot) -> schema.Snapshot:
    """The record without its inline arrays: what is held for every step of every run."""
    nothing = schema.Array("float32", (0,))
    summary = schema.Summary(nothing, nothing, nothing, nothing, nothing)
    layers = tuple(
        dataclasses.replace(layer, summary=summary, activations=dataclasses.replace(layer.activations, inline=b""))
        for layer in record.layers
    )
    return dataclasses.replace(record, columns={}, layers=layers, subsets=())


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
