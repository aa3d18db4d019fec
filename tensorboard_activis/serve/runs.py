"""TensorBoard's runs as ours: records from its data provider, arrays from the run's directory."""

from pathlib import Path

from tensorboard.plugins import base_plugin

from tensorboard_activis import metadata, schema
from tensorboard_activis.errors import NotFoundError, UnreadableError
from tensorboard_activis.read.snapshot import SnapshotReader, content_digest
from tensorboard_activis.serve import listing
from tensorboard_activis.serve.announced import Announced, Data, Entry, Request
from tensorboard_activis.serve.directories import roots, run_directory
from tensorboard_activis.serve.editions import Editions
from tensorboard_activis.serve.newest import NewestOfEachStep
from tensorboard_activis.serve.readers import Readers


class Runs:
    """All runs with our data, by the name that users know."""

    def __init__(self, context: base_plugin.TBContext) -> None:
        spec = str(getattr(context.flags, "logdir_spec", "") or "")
        self.logdir = str(context.logdir or spec)
        self._roots = roots(str(context.logdir or ""), spec)
        source = context.data_provider
        if context.multiplexer is not None:  # the fast loader has none, and needs none
            source = NewestOfEachStep(source, context.multiplexer)
        self._announced = Announced(source)
        self._editions = Editions()
        self._readers = Readers()
        self._listing = listing.Listing(self._announced, self._editions, self.logdir, self._roots)

    def listing(self, request: Request) -> listing.Runs:
        """The answer of the route `runs`."""
        return self._listing.answer(request)

    def listing_text(self, request: Request) -> bytes:
        """The same as JSON."""
        return self._listing.text(request)

    def snapshot(self, request: Request, run: str, step: int) -> SnapshotReader:
        """The snapshot of one step. Raises NotFoundError, UnreadableError."""
        directory, entries = self._entries(request, run)
        if step not in entries:
            steps = ", ".join(str(step) for step in list(entries)[:20]) or "none"
            raise NotFoundError(f"The run {run:.80} has no snapshot of step {step}. There are: {steps}.")
        return self._reader(request, directory, entries[step])

    def snapshots(self, request: Request, run: str) -> list[SnapshotReader]:
        """All snapshots that can be read, steps ascending."""
        directory, entries = self._entries(request, run)
        return [self._reader(request, directory, entry) for entry in entries.values() if entry.problem is None]

    def graph(self, request: Request, run: str) -> schema.Graph:
        """The run's newest graph. Raises NotFoundError, UnreadableError."""
        _, data = self._find(request, run)
        graph = self._announced.graph(request, data)
        if graph is None:
            raise NotFoundError(f"The run {run:.80} has no graph.")
        return graph

    def _find(self, request: Request, run: str) -> tuple[str, Data]:
        own = metadata.RUN_DIRECTORY if run == "." else f"{run}/{metadata.RUN_DIRECTORY}"
        found = self._announced.data(request, [own, run])
        for name in (own, run):
            if found.get(name):
                return name, found[name]
        raise NotFoundError(f"There is no run {run:.80} with activations below {self.logdir}.")

    def _entries(self, request: Request, run: str) -> tuple[Path, dict[int, Entry]]:
        """Where a run's files are, and what counts of its snapshots."""
        name, data = self._find(request, run)
        directory = run_directory(name, self._roots)
        edition = self._editions.edition(directory)
        return directory or Path(self.logdir), self._announced.current(request, data, edition)

    def _reader(self, request: Request, directory: Path, entry: Entry) -> SnapshotReader:
        """The reader of a snapshot, kept as long as its files are the same: it holds tables that were read from them."""
        if entry.brief is None:
            raise UnreadableError(entry.problem or f"The snapshot of step {entry.step} was not read yet. Ask again.")
        key = directory, content_digest(entry.brief.digest, directory, entry.brief.files)
        return self._readers.get(key, lambda: SnapshotReader(self._announced.record(request, entry), directory))
