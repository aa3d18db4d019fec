"""TensorBoard's runs as ours: records from its data provider, arrays from the run's directory."""

from pathlib import Path

from tensorboard.plugins import base_plugin

from tensorboard_activis import metadata, schema
from tensorboard_activis.errors import NotFoundError, UnreadableError
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve import listing
from tensorboard_activis.serve.announced import Announced, Data, Entry, Request
from tensorboard_activis.serve.directories import roots, run_directory
from tensorboard_activis.serve.readers import Readers


class Runs:
    """All runs with our data, by the name that users know."""

    def __init__(self, context: base_plugin.TBContext) -> None:
        spec = str(getattr(context.flags, "logdir_spec", "") or "")
        self.logdir = str(context.logdir or spec)
        self._roots = roots(str(context.logdir or ""), spec)
        self._announced = Announced(context.data_provider)
        self._readers = Readers()
        self._listing = listing.Listing(self._announced, self.logdir, self._roots)

    def listing(self, request: Request) -> listing.Runs:
        """The answer of the route `runs`."""
        return self._listing.answer(request)

    def listing_text(self, request: Request) -> bytes:
        """The same as JSON."""
        return self._listing.text(request)

    def snapshot(self, request: Request, run: str, step: int) -> SnapshotReader:
        """The snapshot of one step. Raises NotFoundError, UnreadableError."""
        name, data = self._find(request, run)
        entries = self._announced.current(request, data)
        if step not in entries:
            steps = ", ".join(str(step) for step in list(entries)[:20]) or "none"
            raise NotFoundError(f"The run {run:.80} has no snapshot of step {step}. There are: {steps}.")
        return self._reader(request, name, entries[step])

    def snapshots(self, request: Request, run: str) -> list[SnapshotReader]:
        """All snapshots that can be read, steps ascending."""
        name, data = self._find(request, run)
        entries = self._announced.current(request, data)
        return [self._reader(request, name, entry) for entry in entries.values() if entry.problem is None]

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

    def _reader(self, request: Request, run: str, entry: Entry) -> SnapshotReader:
        if entry.problem is not None:
            raise UnreadableError(entry.problem)
        directory = run_directory(run, self._roots) or Path(self.logdir)
        key = (request.experiment, entry.key, entry.wall_time, directory)
        return self._readers.get(key, lambda: SnapshotReader(self._announced.record(request, entry), directory))
