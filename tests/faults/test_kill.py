"""Processes that are killed while they log lose at most the snapshot in flight; the next one goes on in their place.

The short version: 200 kills with PyTorch and Keras are `python -m tests.faults.kill`.
"""

import os
import random
from pathlib import Path

import pytest

from tests.faults.kill import kill_in_a_row, victims_of

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")


def test_what_was_announced_survives_the_process(tmp_path: Path) -> None:
    with victims_of("recorder") as victims:
        figures = kill_in_a_row(victims, tmp_path / "run", 10, random.Random(1), longest=0.4)
    assert figures.kills == 10
    assert figures.announced > 0
