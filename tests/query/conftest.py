"""A small run, read back: 17 instances, layers of 5 and 3 neurons, three classes."""

from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.read.run import open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.records import Data, small_data, write_run


@pytest.fixture(scope="session")
def data() -> Data:
    return small_data()


@pytest.fixture(scope="session")
def run_path(tmp_path_factory: pytest.TempPathFactory, data: Data) -> Path:
    path = tmp_path_factory.mktemp("query")
    write_run(path, data, (1, 2, 5), subsets={"unsure": "score < 0.6", "nobody": "score < 0"})
    return path


@pytest.fixture
def snapshot(run_path: Path) -> SnapshotReader:
    return open_run(run_path).snapshot(2)


@pytest.fixture
def rank(snapshot: SnapshotReader, data: Data) -> np.ndarray:
    """Position in `data` of every kept row: rows are in hash order."""
    return snapshot.instances.column("id").to_numpy() - data.ids[0]
