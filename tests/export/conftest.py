"""What tests of exports share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tensorboard_activis import cli
from tests.export.exported import Exported
from tests.records import small_data, write_run

#: With a slash, as names of columns may have, and a text that must not get out.
COLUMNS: dict[str, Sequence[Any]] = {
    "size": [i / 8 for i in range(17)],
    "note/1": [f"patient {i} of ward 7, secret" for i in range(17)],
}


@pytest.fixture(scope="session")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log directory with one run of pictures, at steps 5 and 6."""
    logdir = tmp_path_factory.mktemp("logs")
    write_run(logdir / "run1", small_data(), (5, 6), columns=COLUMNS)
    return logdir


@pytest.fixture(scope="session")
def whole(logdir: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """An export of both steps."""
    directory = tmp_path_factory.mktemp("exports") / "whole"
    assert cli.main(["export", str(logdir), str(directory), "--step", "5", "6"]) == 0
    return Exported(directory)
