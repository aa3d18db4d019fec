"""Reads graphs and snapshots from TensorBoard's data provider, decodes them once, and caches them within bounds."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from tensorboard import errors as tensorboard_errors
from tensorboard.context import RequestContext
from tensorboard.data import provider

from tensorboard_activis import blobs, codec, metadata, schema
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.health_codec import decode_health
from tensorboard_activis.health_part import HealthPart
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.content import named_files
from tensorboard_activis.read.run import current
from tensorboard_activis.serve.cache import Cache
from tensorboard_activis.serve.encoding import encode_json
from tensorboard_activis.serve.handlers import model_graph
from tensorboard_activis.serve.newest import NewestOfEachStep
from tensorboard_activis.stores.path import Location

#: Sizes of the caches in bytes: brief descriptions of snapshots, whole records, and graphs as JSON.
_BRIEF_BYTES, _RECORD_BYTES, _GRAPH_BYTES = 128 << 20, 32 << 20, 64 << 20
#: Of the cache of training health.
_HEALTH_BYTES = 64 << 20
#: Approximate bytes of objects in memory, besides their strings and numbers.
_BRIEF, _LAYER, _COLUMN, _SUBSET, _NAME = 900, 3_000, 500, 300, 100
_ALL_EVENTS = 1_000_000
_RETRY_SECONDS = 1.0

Series = Mapping[str, provider.BlobSequenceTimeSeries]
Data = Mapping[str, Sequence[provider.BlobSequenceDatum]]
_Result = TypeVar("_Result")
#: Cache key: experiment, TensorBoard's key of the blob (run, tag and step), time of its event, edition of the run's files.
_Name = tuple[str, str, float, int]


@dataclass(frozen=True, slots=True)
class RequestScope:
    """TensorBoard's request context and experiment id, which its data provider needs for every read.

    `entries` are the snapshots that this request has looked up, by run: for one question they stay what they were.
    """

    context: RequestContext
    experiment: str
    entries: dict[str, tuple[Location, "dict[int, Entry]"]] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Brief:
    """The fields of a snapshot that the list of runs shows; `digest` is its record's, `files` are the files that it refers to."""

    session: str
    step: int
    wall_time: float
    accuracy: float | None
    loss: float | None
    digest: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A snapshot in TensorBoard's event data.

    Attributes:
        key: TensorBoard's key of the blob.
        name: cache key.
        brief: its brief description; None when it cannot be read, or was not read yet.
        problem: why it cannot be read; None when it can, or was not read yet.
        lasting: whether the problem is permanent; False while TensorBoard may be about to reload the run.
    """

    step: int
    wall_time: float
    key: str
    name: _Name
    brief: Brief | None
    problem: str | None
    lasting: bool = True

    @property
    def session(self) -> str:
        """The session of the process that wrote it; empty when it was not read."""
        return self.brief.session if self.brief else ""


@dataclass(frozen=True, slots=True)
class HealthRecord:
    """A part of a run's training health, with the digest of its bytes; or the problem because of which it cannot be read."""

    digest: str
    record: HealthPart | None
    problem: str = ""


class _NotThereError(UnreadableError):
    """TensorBoard listed a blob that it does not have any more."""


class EventSource:
    """Reads runs, graphs and snapshots from the data provider. Only decoded blobs are cached: runs may appear, grow and vanish.

    Records are cached by the digest of their bytes. Which record belongs to a run, tag and step is cached until TensorBoard has
    an event with another time there, or the run's files are replaced.
    """

    def __init__(self, source: provider.DataProvider | NewestOfEachStep) -> None:
        self._provider: Any = source
        self._entries: Cache[Entry] = Cache(_BRIEF_BYTES)
        self._records: Cache[schema.Snapshot] = Cache(_RECORD_BYTES)
        self._graphs: Cache[bytes] = Cache(_GRAPH_BYTES)
        self._health: Cache[HealthRecord] = Cache(_HEALTH_BYTES)

    def run_names(self, scope: RequestScope) -> list[str]:
        """The names of all runs that TensorBoard knows."""
        return [run.run_name for run in self._provider.list_runs(scope.context, experiment_id=scope.experiment)]

    def series(self, scope: RequestScope) -> Mapping[str, Series]:
        """The time series of this plugin by run and tag; they change whenever an event is added."""
        series: Mapping[str, Series] = _retried(
            lambda: self._provider.list_blob_sequences(
                scope.context, experiment_id=scope.experiment, plugin_name=metadata.PLUGIN_NAME
            )
        )
        return series

    def data(self, scope: RequestScope, runs: Sequence[str]) -> Mapping[str, Data]:
        """All events of this plugin in these runs, by run and tag; runs that do not exist are left out."""
        if not runs:
            return {}
        try:
            data: Mapping[str, Data] = _retried(
                lambda: self._provider.read_blob_sequences(
                    scope.context,
                    experiment_id=scope.experiment,
                    plugin_name=metadata.PLUGIN_NAME,
                    downsample=_ALL_EVENTS,
                    run_tag_filter=provider.RunTagFilter(runs=runs),
                )
            )
        except tensorboard_errors.NotFoundError:
            return {}
        return data

    def current(
        self, scope: RequestScope, data: Data, edition: int, more: Callable[[], bool] = lambda: True
    ) -> dict[int, Entry]:
        """The current snapshots of a run, by step, ascending; see `read.run.current`.

        Arguments:
            edition: number of the run's event files, see `Editions`.
            more: called before a snapshot is read that is not in the cache; False leaves it unread.
        """
        datums = data.get(metadata.SNAPSHOT_TAG, ())
        entries = [self._entry(scope, datum, edition, more) for datum in datums if datum.values]
        counting = current(entry for entry in entries if entry.brief is not None)
        for entry in entries:
            if entry.brief is None:
                counting.setdefault(entry.step, entry)
        return dict(sorted(counting.items()))

    def record(self, scope: RequestScope, entry: Entry) -> schema.Snapshot:
        """The whole record of a snapshot, from the cache or decoded now. Raises UnreadableError."""
        assert entry.brief is not None
        digest = entry.brief.digest

        def read() -> schema.Snapshot:
            blob = self._blob(scope, entry.key)
            if codec.digest_of(blob) != digest:
                self._entries.drop(entry.name)
                raise UnreadableError(f"The snapshot of step {entry.step} is being replaced at this moment. Try again.")
            return codec.decode_snapshot(blob)

        return self._records.get(digest, read, _record_weight)

    def graph_json(self, scope: RequestScope, data: Data) -> bytes | None:
        """The run's newest graph as the answer of the route `graph`, if there is one. Raises UnreadableError."""
        datums = [datum for datum in data.get(metadata.GRAPH_TAG, ()) if datum.values]
        if not datums:
            return None
        # Loaders drop what a later step supersedes, so that steps rise in the order in which they were written.
        blob = self._blob(scope, datums[-1].values[0].blob_key)
        return self._graphs.get(codec.digest_of(blob), lambda: encode_json(model_graph(codec.decode_graph(blob))), len)

    def health(self, scope: RequestScope, data: Data, edition: int) -> list[HealthRecord]:
        """The parts of a run's training health in the order of the events, as many as are held at once; the last says it where
        there are more. `edition` is that of the run's event files."""
        found: list[HealthRecord] = []
        held = 0
        for datum in data.get(metadata.HEALTH_TAG, ()):
            if datum.values:
                check_time()
                key = datum.values[0].blob_key
                name = (scope.experiment, key, datum.wall_time, edition)
                record = self._health.get(name, partial(self._health_record, scope, key), _health_weight)
                held += _health_weight(record)
                if held > blobs.MOST_HEALTH:
                    return [*found, HealthRecord("", None, blobs.health_beyond(len(found), datum.step))]
                found.append(record)
        return found

    def _health_record(self, scope: RequestScope, key: str) -> HealthRecord:
        blob = self._blob(scope, key)
        try:
            return HealthRecord(codec.digest_of(blob), decode_health(blob))
        except UnreadableError as error:
            return HealthRecord(codec.digest_of(blob), None, str(error))

    def _entry(
        self, scope: RequestScope, datum: provider.BlobSequenceDatum, edition: int, more: Callable[[], bool]
    ) -> Entry:
        key = datum.values[0].blob_key
        name = (scope.experiment, key, datum.wall_time, edition)
        cached = self._entries.use(name)
        if cached is not None:
            return cached
        if not more():
            return Entry(datum.step, datum.wall_time, key, name, None, None)

        def make() -> Entry:
            check_time()
            try:
                blob = self._blob(scope, key)
                record = self._records.get(codec.digest_of(blob), lambda: codec.decode_snapshot(blob), _record_weight)
            except _NotThereError:
                raise
            except UnreadableError as error:
                return Entry(datum.step, datum.wall_time, key, name, None, str(error))
            return Entry(record.step, datum.wall_time, key, name, _brief(record), None)

        try:
            return self._entries.get(name, make, _entry_weight)
        except _NotThereError as error:
            return Entry(datum.step, datum.wall_time, key, name, None, str(error), lasting=False)

    def _blob(self, scope: RequestScope, key: str) -> bytes:
        try:
            return bytes(self._provider.read_blob(scope.context, blob_key=key))
        except tensorboard_errors.InvalidArgumentError as error:
            # The fast loader's blob keys are JSON, which it parses only where nothing is escaped.
            raise UnreadableError(
                "TensorBoard's fast loader cannot read from a directory whose name contains a quotation mark, a backslash or "
                f"a control character ({error!s:.200}). Rename the run's directory, or start TensorBoard with --load_fast=false."
            ) from error
        except tensorboard_errors.PublicError as error:
            raise _NotThereError(f"TensorBoard no longer has this snapshot: {error}. Reload the page.") from error


def _brief(record: schema.Snapshot) -> Brief:
    accuracy, loss = record.metrics.get("accuracy"), record.metrics.get("loss")
    return Brief(record.session, record.step, record.wall_time, accuracy, loss, record.digest, named_files(record))


def _entry_weight(entry: Entry) -> int:
    names = entry.brief.files if entry.brief else (entry.problem or "",)
    return _BRIEF + len(entry.key) + sum(60 + len(name) for name in names)


def _record_weight(record: schema.Snapshot) -> int:
    arrays = list(record.columns.values())
    for layer in record.layers:
        arrays += layer.arrays
    inline = sum(len(array.inline) + _NAME * len(array.files) for array in arrays)
    objects = _LAYER * len(record.layers) + _COLUMN * len(record.columns) + _SUBSET * len(record.subsets)
    return inline + objects + 60 * len(record.class_names) + sum(map(len, record.class_names))


def _health_weight(part: HealthRecord) -> int:
    record = part.record
    if record is None:
        return _BRIEF + len(part.problem)
    return _BRIEF + len(record.values.inline) + 40 * len(record.steps) + 2 * _NAME * len(record.layers)


def _retried(call: Callable[[], _Result]) -> _Result:
    """Retries a call while TensorBoard's loader modifies the dict that the data provider iterates over.

    The data provider iterates over the tags of a run without a lock (`MultiplexerDataProvider._index`).
    """
    end = time.monotonic() + _RETRY_SECONDS
    while True:
        try:
            return call()
        except RuntimeError as error:
            if "changed size during iteration" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.005)
