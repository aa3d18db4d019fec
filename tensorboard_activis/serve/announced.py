"""What TensorBoard's data provider holds of ours: graphs and snapshots, decoded once and kept in caches with a bound."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tensorboard import errors as tensorboard_errors
from tensorboard.context import RequestContext
from tensorboard.data import provider

from tensorboard_activis import codec, metadata, schema
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.run import current
from tensorboard_activis.read.snapshot import named_files
from tensorboard_activis.serve.cache import Cache
from tensorboard_activis.serve.newest import NewestOfEachStep

#: Bytes of what is kept: of snapshots in a few words, of whole records, and of graphs.
_BRIEF_BYTES, _RECORD_BYTES, _GRAPH_BYTES = 128 << 20, 32 << 20, 64 << 20
#: What objects take about, beside their texts and numbers.
_BRIEF, _LAYER, _COLUMN, _SUBSET, _NODE, _EDGE, _NAME = 900, 3_000, 500, 300, 1_000, 400, 100
_EVERY = 1_000_000
_PATIENCE = 1.0

Series = Mapping[str, provider.BlobSequenceTimeSeries]
Data = Mapping[str, Sequence[provider.BlobSequenceDatum]]
_Answer = TypeVar("_Answer")
#: Experiment, TensorBoard's key of the blob (run, tag and step), its event's time, and the edition of the run's files.
_Name = tuple[str, str, float, int]


@dataclass(frozen=True, slots=True)
class Request:
    """Whose data a request may see: TensorBoard's request context and experiment."""

    context: RequestContext
    experiment: str


@dataclass(frozen=True, slots=True)
class Brief:
    """What a listing says of a snapshot; `digest` is its record's, `files` are those that it needs."""

    session: str
    step: int
    wall_time: float
    accuracy: float | None
    loss: float | None
    digest: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One announced snapshot: in a few words, or what is wrong with it; neither when it was not read yet.

    What is wrong may not be `lasting`: TensorBoard may be about to forget the snapshot, or to read it again.

    Attributes:
        key: TensorBoard's for the blob.
        name: what it is kept under.
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
        """Of the process that wrote it; empty where it was not read."""
        return self.brief.session if self.brief else ""


class _NotThereError(UnreadableError):
    """TensorBoard announced a blob, and has none."""


class Announced:
    """Asks the provider. Nothing is remembered but what blobs decode to: runs may come, grow and go.

    Records are kept by the digest of their bytes. Which one TensorBoard has at a place (run, tag and step) is known until it
    has another event there, with another time, or the run's files are replaced.
    """

    def __init__(self, source: provider.DataProvider | NewestOfEachStep) -> None:
        self._provider: Any = source
        self._entries: Cache[Entry] = Cache(_BRIEF_BYTES)
        self._records: Cache[schema.Snapshot] = Cache(_RECORD_BYTES)
        self._graphs: Cache[schema.Graph] = Cache(_GRAPH_BYTES)

    def run_names(self, request: Request) -> list[str]:
        """Every run that TensorBoard knows."""
        return [run.run_name for run in self._provider.list_runs(request.context, experiment_id=request.experiment)]

    def series(self, request: Request) -> Mapping[str, Series]:
        """By run and tag of ours, how far each goes: what changes when anything is announced."""
        found: Mapping[str, Series] = _settled(
            lambda: self._provider.list_blob_sequences(
                request.context, experiment_id=request.experiment, plugin_name=metadata.PLUGIN_NAME
            )
        )
        return found

    def data(self, request: Request, runs: Sequence[str]) -> Mapping[str, Data]:
        """By run and tag, all that was announced in these runs; what is not there is left out."""
        if not runs:
            return {}
        try:
            found: Mapping[str, Data] = _settled(
                lambda: self._provider.read_blob_sequences(
                    request.context,
                    experiment_id=request.experiment,
                    plugin_name=metadata.PLUGIN_NAME,
                    downsample=_EVERY,
                    run_tag_filter=provider.RunTagFilter(runs=runs),
                )
            )
        except tensorboard_errors.NotFoundError:
            return {}
        return found

    def current(
        self, request: Request, data: Data, edition: int, more: Callable[[], bool] = lambda: True
    ) -> dict[int, Entry]:
        """What counts, by step ascending; see `read.run.current`.

        Arguments:
            edition: of the run's files, see `Editions`.
            more: whether there is time to read snapshots that are not known yet.
        """
        announced = data.get(metadata.SNAPSHOT_TAG, ())
        entries = [self._entry(request, datum, edition, more) for datum in announced if datum.values]
        counting = current(entry for entry in entries if entry.brief is not None)
        for entry in entries:
            if entry.brief is None:
                counting.setdefault(entry.step, entry)
        return dict(sorted(counting.items()))

    def record(self, request: Request, entry: Entry) -> schema.Snapshot:
        """The whole snapshot. Raises UnreadableError."""
        assert entry.brief is not None
        digest = entry.brief.digest

        def read() -> schema.Snapshot:
            blob = self._blob(request, entry.key)
            if codec.digest_of(blob) != digest:
                self._entries.drop(entry.name)
                raise UnreadableError(f"The snapshot of step {entry.step} is just being replaced. Ask again.")
            return codec.decode_snapshot(blob)

        return self._records.get(digest, read, _record_weight)

    def graph(self, request: Request, data: Data) -> schema.Graph | None:
        """The run's newest graph, if there is one. Raises UnreadableError."""
        announced = [datum for datum in data.get(metadata.GRAPH_TAG, ()) if datum.values]
        if not announced:
            return None
        # Loaders drop what a later step supersedes, so that steps rise in the order in which they were written.
        blob = self._blob(request, announced[-1].values[0].blob_key)
        return self._graphs.get(codec.digest_of(blob), lambda: codec.decode_graph(blob), _graph_weight)

    def _entry(
        self, request: Request, datum: provider.BlobSequenceDatum, edition: int, more: Callable[[], bool]
    ) -> Entry:
        key = datum.values[0].blob_key
        name = (request.experiment, key, datum.wall_time, edition)
        known = self._entries.peek(name)
        if known is None and not more():
            return Entry(datum.step, datum.wall_time, key, name, None, None)

        def make() -> Entry:
            check_time()
            try:
                blob = self._blob(request, key)
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

    def _blob(self, request: Request, key: str) -> bytes:
        try:
            return bytes(self._provider.read_blob(request.context, blob_key=key))
        except tensorboard_errors.InvalidArgumentError as error:
            # Its names of blobs are JSON, which it takes apart only where nothing is escaped.
            raise UnreadableError(
                "TensorBoard's fast loader cannot give what lies in a directory whose name holds a quotation mark, a backslash or "
                f"a control character ({error!s:.200}). Rename the run's directory, or start TensorBoard with --load_fast=false."
            ) from error
        except tensorboard_errors.PublicError as error:
            raise _NotThereError(f"TensorBoard has this snapshot no more: {error}. Reload the page.") from error


def _brief(record: schema.Snapshot) -> Brief:
    accuracy, loss = record.metrics.get("accuracy"), record.metrics.get("loss")
    return Brief(record.session, record.step, record.wall_time, accuracy, loss, record.digest, named_files(record))


def _entry_weight(entry: Entry) -> int:
    names = entry.brief.files if entry.brief else (entry.problem or "",)
    return _BRIEF + len(entry.key) + sum(60 + len(name) for name in names)


def _record_weight(record: schema.Snapshot) -> int:
    arrays = list(record.columns.values())
    for layer in record.layers:
        one = layer.summary
        arrays += [layer.activations, one.count, one.mean, one.std, one.min, one.max]
    inline = sum(len(array.inline) + _NAME * len(array.files) for array in arrays)
    objects = _LAYER * len(record.layers) + _COLUMN * len(record.columns) + _SUBSET * len(record.subsets)
    return inline + objects + sum(60 + len(name) for name in record.class_names)


def _graph_weight(graph: schema.Graph) -> int:
    return _NODE * len(graph.nodes) + _EDGE * len(graph.edges)


def _settled(question: Callable[[], _Answer]) -> _Answer:
    """Asks until TensorBoard's loader is not just adding to the very table that the answer is read from.

    Its data provider goes through the tags of a run without a lock (`MultiplexerDataProvider._index`).
    """
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            return question()
        except RuntimeError as error:
            if "changed size during iteration" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.005)
