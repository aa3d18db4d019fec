"""A run: its graph and its snapshots, of which the newest count."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, TypeVar

from tensorboard_activis import codec, metadata, schema
from tensorboard_activis.blobs import Blobs, read_blobs
from tensorboard_activis.errors import NotFoundError, UnreadableError
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.steps import shown_step, whole_number


class _Logged(Protocol):
    @property
    def session(self) -> str: ...
    @property
    def step(self) -> int: ...


_Snapshot = TypeVar("_Snapshot", bound=_Logged)


def current(snapshots: Iterable[_Snapshot]) -> dict[int, _Snapshot]:
    """What counts of all that was logged to one directory: by step, ascending.

    The newest counts: a snapshot takes the place of everything that was logged before it at its step or a higher one, as when
    training goes on from a checkpoint. That is how TensorBoard's loaders treat steps that do not rise.

    Arguments:
        snapshots: those of one session in the order in which it wrote them; sessions, which sort by their start, in any order.
    """
    counting: list[_Snapshot] = []
    for snapshot in sorted(snapshots, key=lambda one: one.session):
        while counting and counting[-1].step >= snapshot.step:
            counting.pop()
        counting.append(snapshot)
    return {snapshot.step: snapshot for snapshot in counting}


class Run:
    """What was logged into one run directory. Read anew by `reload`.

    Attributes:
        problems: in words, what could not be read; everything else can.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.reload()

    def reload(self) -> None:
        """Reads the event files again, to see what was logged since."""
        self._take(read_blobs(self.directory))

    def _take(self, found: Blobs) -> None:
        problems = list(found.problems)
        snapshots = []
        self._graph: schema.Graph | None = None
        for blob in found.blobs:
            try:
                if blob.tag == metadata.GRAPH_TAG:
                    self._graph = codec.decode_graph(blob.content)
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
        """The steps that were logged, ascending."""
        return list(self._snapshots)

    @property
    def graph(self) -> schema.Graph:
        """The model: nodes, edges, nested modules.

        Raises:
            UnreadableError: no graph can be read.
        """
        if self._graph is None:
            raise UnreadableError(f"{self.directory} has no graph that can be read. {' '.join(self.problems)}".strip())
        return self._graph

    @property
    def latest(self) -> SnapshotReader:
        """The snapshot of the highest step."""
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


def open_run(path: str | os.PathLike[str]) -> Run:
    """Opens what was logged to a run, given the `log_dir` of the callback.

    Raises:
        NotFoundError: nothing was logged there.
    """
    return Run(find_directory(path))


def find_directory(path: str | os.PathLike[str]) -> Path:
    """The directory with our files, given the `log_dir` of the callback.

    Raises:
        NotFoundError: nothing was logged there.
    """
    given = Path(path)
    for directory in (given / metadata.RUN_DIRECTORY, given):
        if any(directory.glob("*tfevents*")) and (directory.name == metadata.RUN_DIRECTORY or directory != given):
            return directory
    inner = sorted(str(child.parent) for child in given.glob(f"*/{metadata.RUN_DIRECTORY}") if child.is_dir())
    hint = f" Runs below it: {', '.join(inner)}." if inner else ""
    raise NotFoundError(
        f"{given} holds no activations: it has no directory {metadata.RUN_DIRECTORY!r} with events.{hint}"
    )
