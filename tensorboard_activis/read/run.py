"""Opens a logged run: its graph, and the current snapshot of each step."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from tensorboard_activis import codec, metadata, schema
from tensorboard_activis.blobs import Blobs, read_blobs
from tensorboard_activis.errors import NotFoundError, UnreadableError, warn
from tensorboard_activis.health_codec import decode_health
from tensorboard_activis.health_part import HealthPart
from tensorboard_activis.read.health import Health, joined
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.steps import shown_step, whole_number
from tensorboard_activis.stores.locations import location
from tensorboard_activis.stores.path import Location, StorePath


class _Logged(Protocol):
    @property
    def session(self) -> str: ...
    @property
    def step(self) -> int: ...


_Snapshot = TypeVar("_Snapshot", bound=_Logged)


def current(snapshots: Iterable[_Snapshot]) -> dict[int, _Snapshot]:
    """Selects the current snapshots of all that were logged to a directory, by step, ascending.

    A snapshot replaces everything that was logged before it at its step or a higher one, as when training resumes from a
    checkpoint. TensorBoard's loaders treat steps that do not rise in the same way.

    Arguments:
        snapshots: sessions in any order (their names sort by their start), those of one session in the order of writing.
    """
    counting: list[_Snapshot] = []
    for snapshot in sorted(snapshots, key=lambda snapshot: snapshot.session):
        while counting and counting[-1].step >= snapshot.step:
            counting.pop()
        counting.append(snapshot)
    return {snapshot.step: snapshot for snapshot in counting}


class Run:
    """A logged run: graph and snapshots of one run directory, read when it is opened and again by `reload`.

    Attributes:
        directory: the directory with the event files.
        problems: messages about what could not be read; everything else can.
    """

    def __init__(self, directory: Location) -> None:
        self.directory = directory
        self.reload()

    def reload(self) -> None:
        """Reads the event files again, for what was logged since. Raises UnreadableError where a store cannot be asked."""
        if isinstance(self.directory, StorePath):
            try:
                self.directory.refresh()
            except OSError as error:
                raise UnreadableError(f"{self.directory} cannot be read: {error.strerror or error}.") from error
        self._load(read_blobs(self.directory))

    def _load(self, contents: Blobs) -> None:
        problems = list(contents.problems)
        snapshots = []
        self._health_records: list[HealthPart] = []
        self._graph: schema.Graph | None = None
        for blob in contents.blobs:
            try:
                if blob.tag == metadata.GRAPH_TAG:
                    self._graph = codec.decode_graph(blob.content)
                elif blob.tag == metadata.HEALTH_TAG:
                    self._health_records.append(decode_health(blob.content))
                else:
                    snapshots.append(codec.decode_snapshot(blob.content))
            except UnreadableError as error:
                problems.append(f"step {blob.step}: {error}")
        self._snapshots = {step: self._reader(record) for step, record in current(snapshots).items()}
        self.problems = tuple(dict.fromkeys(problems))

    def _reader(self, record: schema.Snapshot) -> SnapshotReader:
        return SnapshotReader(record, self.directory)

    @property
    def steps(self) -> list[int]:
        """The training steps with a snapshot, ascending."""
        return list(self._snapshots)

    @property
    def graph(self) -> schema.Graph:
        """The graph of the model: nodes, edges, nested modules.

        Raises:
            UnreadableError: no graph can be read.
        """
        if self._graph is None:
            raise UnreadableError(f"{self.directory} has no graph that can be read. {' '.join(self.problems)}".strip())
        return self._graph

    @property
    def health(self) -> Health:
        """Training health: what was measured of every layer during training, float32 [measures, layers, steps].

        Raises:
            NotFoundError: the run was logged without `health=True`.
        """
        health = joined(self._health_records)
        if health is None:
            raise NotFoundError(
                f"{self.directory} has no training health. It is recorded with health=True. {' '.join(self.problems)}".strip()
            )
        return health

    @property
    def latest(self) -> SnapshotReader:
        """The snapshot of the highest step. Raises NotFoundError when there is none."""
        if not self._snapshots:
            raise NotFoundError(f"{self.directory} has no snapshots. {' '.join(self.problems)}".strip())
        return self._snapshots[max(self._snapshots)]

    def snapshot(self, step: int) -> SnapshotReader:
        """The snapshot of one step.

        Raises:
            NotFoundError: nothing was logged at this step.
            ActiVisError: it is no whole number.
        """
        number = whole_number(step)
        if number not in self._snapshots:
            steps = ", ".join(map(str, self.steps[:20])) + (", …" if len(self.steps) > 20 else "")
            raise NotFoundError(f"Nothing was logged at step {shown_step(number)}. There are: {steps or 'none'}.")
        return self._snapshots[number]

    def where(self, expression: str) -> np.ndarray:
        """For which kept instances an expression is true at the latest step, bool [instances]; see `SnapshotReader.where`."""
        return self.latest.where(expression)


def open_run(path: str | os.PathLike[str] | StorePath) -> Run:
    """Opens a logged run, given the `log_dir` of the callback: a directory, or an address such as s3://bucket/run1.

    Raises:
        NotFoundError: nothing was logged there.
    """
    return Run(find_directory(path))


def find_directory(path: str | os.PathLike[str] | StorePath) -> Location:
    """The directory with the event files of a run, given the `log_dir` of the callback.

    A directory without events of its own that holds runs, as of a trainer with several evaluation sets, stands for the one that was
    begun first; a warning names them.

    Raises:
        NotFoundError: nothing was logged there.
        UnreadableError: the store cannot be asked.
        ConfigurationError: see `location`.
    """
    log_dir = location(path)
    try:
        return _find_directory(log_dir)
    except OSError as error:
        if isinstance(log_dir, Path):
            raise
        raise UnreadableError(f"{log_dir} cannot be read: {error.strerror or error}.") from error


def _find_directory(log_dir: Location) -> Location:
    for directory in (log_dir / metadata.RUN_DIRECTORY, log_dir):
        if any(directory.glob("*tfevents*")) and (directory.name == metadata.RUN_DIRECTORY or directory != log_dir):
            return directory
    # The names of event files begin with the time at which they were begun.
    files: list[Location] = list(log_dir.glob(f"*/{metadata.RUN_DIRECTORY}/*tfevents*"))
    inner = list(dict.fromkeys(file.parent for file in sorted(files, key=lambda file: (file.name, str(file)))))
    if not inner:
        raise NotFoundError(
            f"{log_dir} holds no activations: it has no directory {metadata.RUN_DIRECTORY!r} with event files, nor has a directory "
            "directly below it. Give the log_dir of the callback."
        )
    if len(inner) > 1:
        names = ", ".join(directory.parent.name for directory in inner)
        warn(
            f"ActiVis: {log_dir} holds several runs: {names}. This is {inner[0].parent.name}, which was begun first. "
            "To open another, give its own directory."
        )
    return inner[0]


def run_directories(logdir: Location) -> Iterator[Location]:
    """Directories with our files at or below a log directory, sorted by name; symbolic links are not followed.

    Raises:
        OSError: a store cannot be asked.
    """
    if isinstance(logdir, StorePath):
        yield from (directory for directory in logdir.directories() if directory.name == metadata.RUN_DIRECTORY)
        return
    for at, below, _ in os.walk(logdir):
        below.sort()
        if Path(at).name == metadata.RUN_DIRECTORY or (
            Path(at) == logdir and logdir.resolve().name == metadata.RUN_DIRECTORY
        ):
            yield Path(at)
