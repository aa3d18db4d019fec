"""The plugin in TensorBoard's own application, on a log directory in a store: right numbers, few requests."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorboard_activis.private_cache import VARIABLE
from tests.faults.victim import activations, inputs

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `tests/stores/serving.py` prints of two runs among a thousand that are not ours."""
    command = [sys.executable, "-m", "tests.stores.serving", "slow://bucket/runs", "--others", "1000"]
    environment = {**os.environ, VARIABLE: str(tmp_path_factory.mktemp("cache"))}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_runs_are_listed_without_a_problem(served: dict[str, Any]) -> None:
    runs = served["runs"]["runs"]
    assert [run["name"] for run in runs] == ["a", "b"]
    for run in runs:
        assert run["problems"] == []
        assert [(step["step"], step["problem"]) for step in run["steps"]] == [(0, None), (1, None), (2, None)]
    assert len(served["runs"]["other_runs"]) == 1_000


def test_the_matrix_is_that_of_the_activations(served: dict[str, Any]) -> None:
    hidden, labels = activations(1, 2)[0], inputs()[1]
    np.testing.assert_allclose(served["numbers"]["mean"][0], hidden.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(served["numbers"]["mean"][1], hidden[labels == 1].mean(axis=0), rtol=2e-3)


def test_a_store_is_asked_for_our_runs_alone_and_for_each_thing_once(served: dict[str, Any]) -> None:
    assert len(served["asked"]) == len({tuple(one) for one in served["asked"]}) == 6
    assert all(key.startswith(("bucket/runs/a/activis", "bucket/runs/b/activis")) for _, key in served["asked"])
    assert served["requests"] == 6  # two listings, two event files, one file of arrays, one table
    assert len(served["cached"]) == 4
