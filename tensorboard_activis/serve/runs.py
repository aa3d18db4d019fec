"""Finds runs, graphs and snapshots: records from TensorBoard's data provider, arrays from the run's directory."""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from tensorboard.plugins import base_plugin

from tensorboard_activis import metadata, schema
from tensorboard_activis.errors import NotFoundError, UnreadableError
from tensorboard_activis.read.content import content_digest
from tensorboard_activis.read.health import Health, joined
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve import run_list
from tensorboard_activis.serve.directories import roots, run_directory
from tensorboard_activis.serve.editions import Editions
from tensorboard_activis.serve.event_source import Brief, Data, Entry, EventSource, RequestScope
from tensorboard_activis.serve.newest import NewestOfEachStep
from tensorboard_activis.serve.reader_cache import ReaderCache
from tensorboard_activis.serve.static_files import has_docs
from tensorboard_activis.stores.path import Location


class Runs:
    """All runs with activations, by the names that are shown to users."""

    def __init__(self, context: base_plugin.TBContext) -> None:
        spec = str(getattr(context.flags, "logdir_spec", "") or "")
        self.logdir = str(context.logdir or spec)
        self._roots = roots(str(context.logdir or ""), spec)
        source = context.data_provider
        if context.multiplexer is not None:  # the fast loader has none, and needs none
            source = NewestOfEachStep(source, context.multiplexer)
        self._events = EventSource(source)
        self._editions = Editions()
        self._readers = ReaderCache()
        docs = has_docs() and getattr(context.flags, "activis_docs", True)
        self._run_list = run_list.RunList(self._events, self._editions, self.logdir, self._roots, docs)

    def list_runs(self, scope: RequestScope) -> run_list.Runs:
        """The answer of the route `runs`."""
        return self._run_list.answer(scope)

    def list_runs_json(self, scope: RequestScope) -> bytes:
        """The answer of the route `runs` as JSON."""
        return self._run_list.text(scope)

    def snapshot(self, scope: RequestScope, run: str, step: int) -> SnapshotReader:
        """The snapshot of one step. Raises NotFoundError, UnreadableError."""
        directory, entries = self._entries(scope, run)
        if step not in entries:
            steps = ", ".join(str(step) for step in list(entries)[:20]) or "none"
            raise NotFoundError(f"The run {run:.80} has no snapshot of step {step}. There are: {steps}.")
        reader = self._reader(scope, directory, entries[step])
        # Read at once: TensorBoard may replace it. Those of other steps are read when they are looked at.
        _ = reader.record
        return reader

    def snapshots(
        self, scope: RequestScope, run: str, choose: Callable[[list[int]], Collection[int]] | None = None
    ) -> list[SnapshotReader]:
        """The snapshots that can be read, steps ascending: all, or those of the steps that `choose` returns of theirs."""
        directory, entries = self._entries(scope, run)
        readable = {step: entry for step, entry in entries.items() if entry.problem is None}
        chosen = readable if choose is None else choose(list(readable))
        keep = len(chosen) <= self._readers.count
        versions: dict[str, str] = {}
        return [
            self._reader(scope, directory, entry, keep, versions) for step, entry in readable.items() if step in chosen
        ]

    def graph_json(self, scope: RequestScope, run: str) -> bytes:
        """The answer of the route `graph` as JSON. Raises NotFoundError, UnreadableError."""
        _, data = self._find(scope, run)
        graph = self._events.graph_json(scope, data)
        if graph is None:
            raise NotFoundError(f"The run {run:.80} has no graph.")
        return graph

    def health(self, scope: RequestScope, run: str) -> tuple[Health, str]:
        """Training health of a run, and a digest of the records that it was joined from. Raises NotFoundError, UnreadableError."""
        name, data = self._find(scope, run)
        parts = self._events.health(scope, data, self._editions.edition(run_directory(name, self._roots)))
        health = joined(part.record for part in parts if part.record is not None)
        problems = dict.fromkeys(part.problem for part in parts if part.problem)
        if health is None and problems:
            raise UnreadableError(f"The training health of {run:.80} cannot be read. {' '.join(problems)}")
        if health is None:
            raise NotFoundError(f"The run {run:.80} has no training health. It is recorded with health=True.")
        digest = hashlib.blake2b("\0".join(part.digest for part in parts).encode(), digest_size=16).hexdigest()
        notes = *health.notes, *(f"Some of it cannot be read: {problem}" for problem in problems)
        return replace(health, notes=notes), digest

    def _find(self, scope: RequestScope, run: str) -> tuple[str, Data]:
        own = metadata.RUN_DIRECTORY if run == "." else f"{run}/{metadata.RUN_DIRECTORY}"
        for name in (own, run):
            data = self._events.data(scope, [name])
            if data.get(name):
                return name, data[name]
        raise NotFoundError(f"There is no run {run:.80} with activations below {self.logdir}.")

    def _entries(self, scope: RequestScope, run: str) -> tuple[Location, dict[int, Entry]]:
        """The directory of a run, and its current snapshots by step."""
        if run not in scope.entries:
            name, data = self._find(scope, run)
            directory = run_directory(name, self._roots)
            edition = self._editions.edition(directory)
            scope.entries[run] = directory or Path(self.logdir), self._events.current(scope, data, edition)
        return scope.entries[run]

    def _reader(
        self,
        scope: RequestScope,
        directory: Location,
        entry: Entry,
        keep: bool = True,
        versions: dict[str, str] | None = None,
    ) -> SnapshotReader:
        """The reader of a snapshot, cached by the digest of its content; another one each time if it is one of very many.

        `versions` as for `content_digest`.
        """
        if entry.brief is None:
            raise UnreadableError(
                entry.problem or f"The snapshot of step {entry.step} has not been read yet. Try again."
            )
        source = _Source(self._events, scope, entry, entry.brief, directory, {} if versions is None else versions)
        if not keep:
            return SnapshotReader.deferred(entry.step, directory, source)
        digest = source.digest()
        return self._readers.get(
            (str(directory), digest), lambda: SnapshotReader.deferred(entry.step, directory, source, digest)
        )


@dataclass(slots=True)
class _Source:
    """The snapshot of an entry; `versions` as for `content_digest`. One object: hundreds are made for a question about a run."""

    events: EventSource
    scope: RequestScope
    entry: Entry
    brief: Brief
    directory: Location
    versions: dict[str, str]

    def record(self) -> schema.Snapshot:
        """The decoded snapshot. Raises UnreadableError."""
        return self.events.record(self.scope, self.entry)

    def digest(self) -> str:
        """Digest of the content now."""
        return content_digest(self.brief.digest, self.directory, self.brief.files, self.versions)
