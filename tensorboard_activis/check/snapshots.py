"""Checks snapshots: that every array and table they refer to is there, with the recorded shape."""

from collections.abc import Callable

from tensorboard_activis import schema
from tensorboard_activis.check.report import Report
from tensorboard_activis.errors import ActiVisError, ThinnedError
from tensorboard_activis.read.arrays import ArrayFiles, read_array
from tensorboard_activis.read.content import array_files
from tensorboard_activis.read.instances import read_instances
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.read.thinned import find_remains
from tensorboard_activis.stores.path import Location

#: The files of a table of instances, and the number of rows that they must have.
Table = tuple[tuple[str, ...], int]


def check_snapshot(
    snapshot: schema.Snapshot, directory: Location, nodes: set[str] | None, tables: set[Table], report: Report
) -> None:
    """Reads everything that one snapshot refers to; adds faults to the report.

    Arguments:
        nodes: node keys of the run's graphs; None without a graph.
        tables: tables known to be intact, which are not read again; this function adds to it.
    """
    thinned = find_remains(directory, array_files(snapshot)) is not None
    errors: dict[str, None] = {}  # in order; one missing file is behind many arrays

    def intact(read: Callable[..., object], *arguments: object) -> bool:
        try:
            read(*arguments)
        except ThinnedError:
            return thinned  # so it should be
        except ActiVisError as error:
            errors[str(error)] = None
            return False
        return True

    named = (snapshot.instances, snapshot.stored_instances)
    table = named in tables or intact(read_instances, directory, snapshot)
    if table:
        tables.add(named)
    files: ArrayFiles = {}
    columns = sum([intact(read_array, directory, array, None, files) for array in snapshot.columns.values()])
    layers = 0
    for layer in snapshot.layers:
        parts = [intact(read_array, directory, array, None, files) for array in layer.arrays]
        layers += all(parts)
    if snapshot.effects_problem:
        errors[snapshot.effects_problem] = None
    reader = SnapshotReader(snapshot, directory)
    for name, effects in ({} if snapshot.effects is None else snapshot.effects.layers).items():
        if intact(reader.gradient_effects, name) and effects.neurons is not None:
            intact(reader.tried_effects, name)
    rest = (
        f"{layers} of {len(snapshot.layers)} layers, {columns} of {len(snapshot.columns)} columns of outcomes, "
        f"{'the' if table else 'no'} table of instances."
    )
    for error in errors:
        report.add(f"step {snapshot.step}", error, rest)
    for layer in snapshot.layers:
        if nodes is not None and layer.info.name not in nodes:
            wrong = f"The layer {layer.info.name!r} is no node of any graph."
            report.add(f"step {snapshot.step}", wrong, "The layer, without its place in the model.")
