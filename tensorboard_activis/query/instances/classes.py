"""Labels and predictions of instances, as class indices and class names."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.errors import NotFoundError
from tensorboard_activis.query.contract import InstanceId
from tensorboard_activis.query.instances.lists import is_list
from tensorboard_activis.read.snapshot import SnapshotReader, once_per_snapshot


@dataclass(frozen=True, slots=True)
class InstanceBrief:
    """What lists show of an instance.

    Attributes:
        index: position among the kept instances.
        id: of the instance.
        label: name of its class, several classes as one text, a number for regression; None when it has none.
        prediction: likewise, what the model predicted.
    """

    index: int
    id: InstanceId
    label: str | float | None
    prediction: str | float | None


@once_per_snapshot
def label_values(snapshot: SnapshotReader) -> np.ndarray | None:
    """Labels of the kept instances: int32 class indices (−1: none), float32 for regression, None when there are none or several.

    Read-only, [instances]. Raises UnreadableError.
    """
    return _read_only(_labels(snapshot.instances, snapshot.record.class_names))


def _labels(table: pa.Table, class_names: Sequence[str]) -> np.ndarray | None:
    if "label" not in table.column_names:
        return None
    column = table.column("label").combine_chunks()
    if pa.types.is_dictionary(column.type):
        names = {name: index for index, name in enumerate(class_names)}
        indices: np.ndarray = np.array([names.get(name, -1) for name in column.dictionary.to_pylist()] + [-1], np.int32)
        return np.asarray(indices[column.indices.fill_null(-1).to_numpy()])
    if pa.types.is_integer(column.type):
        return np.array(column.fill_null(-1).to_numpy(), np.int32)
    if pa.types.is_floating(column.type):
        return np.array(column.to_numpy(zero_copy_only=False), np.float32)
    return None


@once_per_snapshot
def prediction_values(snapshot: SnapshotReader) -> np.ndarray | None:
    """Predictions of the kept instances: int32 class indices, float32 for regression, None when there are none or several.

    Read-only, [instances]. Raises UnreadableError.
    """
    if "prediction" not in snapshot.record.columns:
        return None
    values = snapshot.column("prediction")
    if values.ndim != 1:
        return None
    return _read_only(values.astype(np.int32 if values.dtype.kind in "iu" else np.float32))


def _read_only(values: np.ndarray | None) -> np.ndarray | None:
    if values is not None:
        values.flags.writeable = False
    return values


def label_sets(snapshot: SnapshotReader) -> tuple[list[str], np.ndarray] | None:
    """Membership of instances with several labels: names of the labels, and bool [labels, instances]; None for single labels."""
    table = snapshot.instances
    if "label" not in table.column_names or not is_list(table.schema.field("label").type):
        return None
    column = table.column("label").combine_chunks()
    flat = pc.list_flatten(column).dictionary_encode()
    members = np.zeros((len(flat.dictionary), len(column)), bool)
    members[flat.indices.to_numpy(), pc.list_parent_indices(column).to_numpy()] = True
    return [str(name) for name in flat.dictionary.to_pylist()], members


def is_classes(values: np.ndarray | None) -> bool:
    """Whether labels or predictions [instances] are class indices, rather than numbers of a regression; False for None."""
    return values is not None and values.dtype == np.int32


def highest_class(labels: np.ndarray | None) -> int:
    """The highest class index among labels [instances]; −1 where there is none, or they are no class indices."""
    return int(labels.max(initial=-1)) if labels is not None and is_classes(labels) else -1


def class_name(snapshot: SnapshotReader, index: int) -> str | None:
    """The name of a class, given its index; the index as a string where classes have no names, None for −1."""
    if index < 0:
        return None
    names = snapshot.record.class_names
    return names[index] if index < len(names) else str(index)


def named(snapshot: SnapshotReader, values: np.ndarray | None, index: int) -> str | float | None:
    """One instance's label or prediction: a class name, a number for regression, None when there is none.

    Arguments:
        values: of `label_values` or `prediction_values`, [instances].
        index: of the instance.
    """
    if values is None:
        return None
    if is_classes(values):
        return class_name(snapshot, int(values[index]))
    return float(values[index])


def identifier(snapshot: SnapshotReader, index: int) -> int | str:
    """The instance id of a kept instance, given its index."""
    value: int | str = snapshot.instances.column("id")[index].as_py()
    return value


def check_instance(snapshot: SnapshotReader, index: int) -> int:
    """Checks the index of a kept instance and returns it. Raises NotFoundError."""
    if not 0 <= index < snapshot.stored_instances:
        raise NotFoundError(f"Indices of kept instances go from 0 to {snapshot.stored_instances - 1}; got {index}.")
    return index


def index_of_id(snapshot: SnapshotReader, instance_id: int | str) -> int:
    """The index of a kept instance, given its instance id; integers may be given as strings.

    Raises:
        NotFoundError: no instance of this id was kept.
    """
    id_column = snapshot.instances.column("id")
    index = -1
    if pa.types.is_integer(id_column.type):
        with contextlib.suppress(ValueError, pa.ArrowInvalid, OverflowError):
            index = pc.index(id_column, pa.scalar(int(instance_id), id_column.type)).as_py()
    else:
        index = pc.index(id_column, pa.scalar(str(instance_id), id_column.type)).as_py()
    if index < 0:
        raise NotFoundError(
            f"No instance with the id {str(instance_id)!r:.60} was kept: the sample holds {snapshot.record.sample_size:,} of "
            f"{snapshot.record.seen:,} instances."
        )
    return int(index)


def briefs(snapshot: SnapshotReader, indices: Iterable[int]) -> list[InstanceBrief]:
    """Brief descriptions of kept instances, given their indices, for lists: id, label, prediction."""
    labels, predictions = label_values(snapshot), prediction_values(snapshot)

    def shown(column: str, values: np.ndarray | None, index: int) -> str | float | None:
        return _several(snapshot, column, index) if values is None else named(snapshot, values, index)

    return [
        InstanceBrief(
            index, identifier(snapshot, index), shown("label", labels, index), shown("prediction", predictions, index)
        )
        for index in map(int, indices)
    ]


def _several(snapshot: SnapshotReader, column: str, index: int) -> str | None:
    """The classes of an instance with several labels as one string, or a text of a vocabulary; None where there is none."""
    table = snapshot.instances
    if column not in table.column_names:
        return None
    values = table.column(column)[index].as_py()
    if isinstance(values, list):
        return ", ".join(map(str, values))
    return values if isinstance(values, str) else None
