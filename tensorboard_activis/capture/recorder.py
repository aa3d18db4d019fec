"""Records snapshots into a run directory, for every framework; errors while logging become warnings.

Everything that the callbacks share and that needs no framework is here: the lock of the directory, writing the graph and the
snapshots.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeAlias, Unpack

from tensorboard_activis import codec, metadata, schema
from tensorboard_activis.capture.adapter import Adapter
from tensorboard_activis.capture.announcement import announce
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.collector import SnapshotCollector
from tensorboard_activis.capture.distributed.processes import (
    DisconnectedError,
    OtherProcessError,
    Processes,
    SingleProcess,
    broadcast,
)
from tensorboard_activis.capture.effects.measuring import EffectPlan
from tensorboard_activis.capture.guard import Guard
from tensorboard_activis.capture.isolation.exclusive import exclusively
from tensorboard_activis.capture.isolation.interrupts import uninterrupted
from tensorboard_activis.capture.options import DEFAULTS, RecorderOptions, check_options, options_of
from tensorboard_activis.capture.publication import SnapshotOptions
from tensorboard_activis.capture.run_directory import RunDirectory
from tensorboard_activis.capture.session import Session
from tensorboard_activis.errors import ActiVisError, ConfigurationError, warn
from tensorboard_activis.steps import checked_step
from tensorboard_activis.stores.path import Location
from tensorboard_activis.summarize.float16 import Convert, numpy_convert
from tensorboard_activis.write.arrays import ArrayWriter
from tensorboard_activis.write.instances import InstanceWriter

#: Of the run's directory and the record of a snapshot; returns scalars, (tag, value).
OnPublished: TypeAlias = Callable[[Location, schema.Snapshot], Sequence[tuple[str, float]]]


class Recorder:
    """Writes the graph and the snapshots of one model into one run.

    Args:
        log_dir: the user's run directory, or its `RunDirectory`.
        graph: the model's graph; may be replaced by setting `graph`, and is written again only if it changed.
        layers: the layers that will be recorded.
        probabilities: whether the model's outputs are probabilities; None: detected in the first batch.
        unit: what an instance is: "instance", or "position" of a sequence or map.
        training: the training data that instances are looked for in; None without.
        positions: of how many instances per neuron the values at all positions are stored, where batches have these; 0: none.
        effects: what is measured of errors, where batches can be run again; None: nothing.
        convert: converts float32 to float16, where a framework is faster than numpy.
        strict: raise errors while logging instead of warning.
        guard: what reports errors while logging; None: one of its own, by `strict`.
        processes: the processes that log together; each makes a recorder for the same directory.
        on_published: called with the run's directory and the record of each snapshot that was written; returns scalars to write.
        session: that training health is written in, too; None: one of its own.
        options: what is summarised and stored.

    Raises:
        ConfigurationError: see `RunDirectory` and `check_options`.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | RunDirectory,
        graph: schema.Graph,
        layers: Sequence[schema.LayerInfo],
        *,
        probabilities: bool | None = None,
        unit: str = "instance",
        training: schema.Training | None = None,
        positions: int = DEFAULTS["positions"],
        effects: EffectPlan | None = None,
        convert: Convert = numpy_convert,
        strict: bool = False,
        guard: Guard | None = None,
        processes: Processes | None = None,
        session: Session | None = None,
        on_published: OnPublished | None = None,
        **options: Unpack[RecorderOptions],
    ) -> None:
        check_options(**options)
        options = options_of(RecorderOptions, options)
        self._processes = processes or SingleProcess()
        self.graph = graph
        self._options = SnapshotOptions.of(
            options,
            layers,
            positions=positions,
            probabilities=probabilities,
            unit=unit,
            convert=convert,
            effects=effects,
            training=training,
        )
        self.guard = guard or Guard(strict, self._processes)
        self._directory = (
            log_dir if isinstance(log_dir, RunDirectory) else RunDirectory(log_dir, locked=self._processes.rank == 0)
        )
        self.session = session or Session(self._directory)
        name = broadcast(self._processes, self.session.name if self._processes.rank == 0 else None)
        self._session_name = name or self.session.name
        self._started, self._events = self.session.started, self.session.events
        self._instances = InstanceWriter(self._directory.path)
        self._on_published, self._scalars_lost = on_published, False
        self._written_graph = b""
        self._begun: Counter[int] = Counter()
        self._steps: list[int] = []
        #: Whether to leave out the line that says where the first snapshot is.
        self.quiet = False

    def check(self, batch: BatchRecord | None) -> None:
        """Checks outputs, labels and so on of a few instances before training, by collecting them without writing anything.

        Arguments:
            batch: of an `Adapter`: its `first`.

        Raises:
            ConfigurationError: outputs, labels, ids, columns and so on do not fit the task, each other, or the subsets.
        """
        if batch is None:
            return
        try:
            SnapshotCollector(replace(self._options, layers=()), 0).add(batch)
        except ConfigurationError:
            raise
        except ActiVisError as error:
            raise ConfigurationError(str(error)) from error

    def log(self, adapter: Adapter, step: Any, progress: bool | None) -> None:
        """Logs one evaluation pass as the snapshot of this step; an error becomes a warning, as `guard` has it.

        Arguments:
            adapter: the model and its evaluation data, whose graph and layers the recorder was made with.
            progress: whether to show a progress bar; None: on a terminal, if the pass takes more than a second.
        """
        with self.guard(step), self.snapshot(step) as snapshot:
            snapshot.collected.notes += adapter.evaluate(snapshot.add, progress)
            self.graph = adapter.graph

    @contextmanager
    def snapshot(self, step: int) -> Iterator[SnapshotCollector]:
        """A context in which a snapshot is collected. It is published if the body ends without an exception, else nothing is.

        Once published, it replaces everything that was logged before at this step or a higher one.

        Raises:
            ActiVisError: see `SnapshotCollector`; or another process failed.
            OSError: a file cannot be written.
        """
        step = checked_step(step)
        arrays = ArrayWriter(self._directory.path, step, self._session_name, self._processes.rank, self._begun[step])
        self._begun[step] += 1
        try:
            with self._processes.collective():
                collector = SnapshotCollector(self._options, step, self._processes)
                yield collector
                # A directory that was deleted meanwhile is made again, so that later snapshots are not lost as well.
                self._directory.restore()
                record = collector.finish(arrays, self._instances, self._session_name)
        except DisconnectedError:
            raise  # keep the file: the first process may be further and write the event that names it
        except BaseException:
            arrays.discard()  # no event will name it
            raise
        if self._processes.rank:
            with self._processes.collective():
                pass
        else:
            self._publish(record, arrays)
            if not self.quiet:
                announce(self._directory.path.parent)
            self._look_at(record)
        self.guard.reset()

    def _look_at(self, record: schema.Snapshot) -> None:
        """Has a snapshot looked at that was written, and writes the scalars that come of it."""
        if self._on_published is None:
            return
        try:
            self.session.write_scalars(self._on_published(self._directory.path.parent, record), record.step)
        except OSError as error:
            if not self._scalars_lost:
                self._scalars_lost = True
                warn(f"ActiVis cannot write scalars of its findings; snapshots are written. {error} (Said once.)")

    def _publish(self, record: schema.Snapshot, arrays: ArrayWriter) -> None:
        """Writes the event, in the first process, once every file that the record names is complete; the others wait for it."""
        published = False
        try:
            with self._processes.collective():
                try:
                    uninterrupted(lambda: self._write_event(record))
                    published = True
                except BaseException:
                    if not self._events.reached:
                        arrays.discard(record)
                    raise
        except (OtherProcessError, DisconnectedError):
            if not published:
                raise  # once published, a later error of another process concerns the next snapshot

    def _write_event(self, record: schema.Snapshot) -> None:
        graph = codec.encode_graph(self.graph)
        blobs = {metadata.GRAPH_TAG: graph, metadata.SNAPSHOT_TAG: codec.encode_snapshot(record)}
        lost = self._events.is_lost
        again = self._events.goes_back(metadata.SNAPSHOT_TAG, record.step)
        if graph == self._written_graph and self._events.is_begun and not lost and not again:
            del blobs[metadata.GRAPH_TAG]
        self.session.write(blobs, record.step, record.wall_time)
        self._written_graph = graph
        self._supersede(record.step)
        if lost:
            warn(
                f"ActiVis: {self._events.path.parent} was deleted or moved while it was logged to, or what was in it. "
                "Snapshots up to now are gone from there; this one and later ones are written to a new one."
            )

    def _supersede(self, step: int) -> None:
        """Warns which snapshots of this logger no longer count, except that of the same step, which is just replaced."""
        superseded = [logged for logged in self._steps if logged > step]
        self._steps = [logged for logged in self._steps if logged < step] + [step]
        if superseded:
            shown = ", ".join(map(str, superseded[:10])) + (", …" if len(superseded) > 10 else "")
            warn(
                f"ActiVis: step {step} was logged after step {superseded[-1]}. As when training goes on from a checkpoint, what "
                f"was logged before at higher steps no longer counts: {shown}. To keep it, log with rising steps, or to another "
                "log_dir."
            )

    def close(self) -> None:
        """Closes the files, after a snapshot that another thread is logging; safe to call twice."""
        exclusively(lambda: uninterrupted(self._close))

    def _close(self) -> None:
        self.session.close()
        self._directory.close()
