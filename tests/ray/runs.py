"""Data sets of Ray, what one process logs of the same instances, and the comparison of two snapshots."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray.data
import torch

from tensorboard_activis.read.arrays import read_array
from tensorboard_activis.read.run import open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.torch import ActiVisLogger
from tests.ray.models import CLASSES, Net

#: Of positions, by how much each may be off: codes of maps by one.
_OFF = {"peaks": 0, "strongest": 0, "maps": 1, "map_range": 1e-5}


def dataset(columns: dict[str, np.ndarray], blocks: int) -> Any:
    """A data set with these columns in so many blocks of different sizes."""
    count = len(next(iter(columns.values())))
    bounds = np.unique(np.r_[0, (np.linspace(0, 1, blocks + 1) ** 1.5 * count).astype(int)[1:]])
    tables = [{name: values[low:high] for name, values in columns.items()} for low, high in pairwise(bounds)]
    return ray.data.from_blocks([_table(each) for each in tables])


def _table(columns: dict[str, np.ndarray]) -> Any:
    from ray.data.block import BlockAccessor

    return BlockAccessor.batch_to_arrow_block(columns)


def one_process(log_dir: Path, data: dict[str, np.ndarray], **options: Any) -> None:
    """Logs the same with the logger of PyTorch."""
    batches = [
        {name: values[start : start + 64] for name, values in data.items()}
        for start in range(0, len(data["label"]), 64)
    ]
    with ActiVisLogger(
        log_dir,
        Net(),
        batches,
        unpack=lambda batch: (torch.from_numpy(batch["image"]), torch.from_numpy(batch["label"])),
        class_names=CLASSES,
        strict=True,
        **options,
    ) as logger:
        logger.log(1)


def latest(log_dir: Path) -> SnapshotReader:
    return open_run(log_dir).latest


def same(a: SnapshotReader, b: SnapshotReader) -> None:
    """The same instances in the same order, and the same statistics to 1e-5.

    What the model gives for one instance differs in its last bits by the instances that share a batch: float16 may be one step off.
    """
    assert a.instances.schema == b.instances.schema
    for name, kind in zip(a.instances.schema.names, a.instances.schema.types, strict=True):
        mine, its = a.instances[name].to_pylist(), b.instances[name].to_pylist()
        if str(kind) in ("float", "double"):
            np.testing.assert_allclose(np.array(mine, float), np.array(its, float), rtol=1e-5, atol=1e-5, err_msg=name)
        else:
            assert mine == its, name
    assert a.record.subsets == b.record.subsets
    assert (a.record.seen, a.record.sample_size, a.record.pinned) == (
        b.record.seen,
        b.record.sample_size,
        b.record.pinned,
    )
    assert a.record.task == b.record.task
    assert a.record.metrics == pytest.approx(b.record.metrics, rel=1e-5, abs=1e-5)
    assert a.record.columns.keys() == b.record.columns.keys()
    for name in a.record.columns:
        np.testing.assert_allclose(a.column(name), b.column(name), rtol=1e-5, atol=1e-5)
    assert a.layers.keys() == b.layers.keys()
    for name, layer in a.layers.items():
        np.testing.assert_allclose(a.activations(name), b.activations(name), rtol=1e-3, atol=1e-5)
        mine, other = a.summary(name), b.summary(name)
        for field in ("count", "mean", "std", "min", "max"):
            np.testing.assert_allclose(getattr(mine, field), getattr(other, field), rtol=1e-5, atol=1e-5, err_msg=field)
        own, its = layer.positions, b.layers[name].positions
        assert (own is None) == (its is None)
        for field, off in {} if own is None else _OFF.items():
            arrays = (
                read_array(a._directory, getattr(own, field)),
                read_array(b._directory, getattr(its, field)),
            )
            np.testing.assert_allclose(*arrays, rtol=1e-5, atol=off, err_msg=field)
