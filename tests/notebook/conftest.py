"""What tests of the notebook share."""

from pathlib import Path

import pytest

from tests.records import small_data, write_run


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log directory with one run."""
    logdir = tmp_path_factory.mktemp("logs")
    write_run(logdir / "run1", small_data(), (5,))
    return logdir
