"""Shared by tests of the PyTorch logger: a snapshot of a model, and its columns in the order of the data."""

from pathlib import Path
from typing import Any

from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.torch import ActiVisLogger


def logged(tmp_path: Path, model: nn.Module, data: Any, **options: Any) -> SnapshotReader:
    """The snapshot of one pass, with faults raised."""
    with ActiVisLogger(tmp_path, model, data, **{"strict": True, **options}) as logger:
        logger.log(1)
    return open_run(tmp_path).latest


def by_id(snapshot: SnapshotReader, column: str) -> list[Any]:
    """A column in the order of the ids, which is that of the data."""
    table = snapshot.instances.select(["id", column]).to_pydict()
    return [value for _, value in sorted(zip(table["id"], table[column], strict=True), key=lambda pair: pair[0])]


def counts(snapshot: SnapshotReader) -> dict[str, int]:
    """Instances seen of every declared subset."""
    return {subset.name: subset.count for subset in snapshot.record.subsets}
