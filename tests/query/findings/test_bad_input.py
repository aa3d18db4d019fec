"""Runs that say little or nothing: no error regions, directions, drift or duplicates, and never an exception."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorboard_activis.capture.instances.user_columns import MOST_COLUMNS
from tests.query.findings.logged import log

N = 120


def outputs(labels: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    predicted = np.where(wrong, (labels + 1) % 3, labels)
    return (5 * np.eye(3, dtype=np.float32)[predicted]).astype(np.float32)


def runs() -> dict[str, dict[str, Any]]:
    random = np.random.default_rng(0)
    labels, none, every = random.integers(0, 3, N), np.zeros(N, bool), np.ones(N, bool)
    some = random.random(N) < 0.2
    missing = {"a": [None if index % 3 else index for index in range(N)], "b": [None] * N, "c": ["x"] * N}
    return {
        "one class": {"labels": np.zeros(N, int)},
        "all right": {"labels": labels, "logits": outputs(labels, none)},
        "all wrong": {"labels": labels, "logits": outputs(labels, every)},
        "two instances": {"labels": np.array([0, 1])},
        "labels absent": {"logits": outputs(labels, none)},
        "nothing but activations": {"task": "none"},
        "values missing, constant and of each instance": {
            "labels": labels,
            "logits": outputs(labels, some),
            "columns": missing | {"d": [f"i{index}" for index in range(N)]},
        },
        "scores that are not finite": {"labels": labels, "logits": np.full((N, 3), np.nan, np.float32)},
    }


@pytest.mark.slow
def test_ten_thousand_columns(tmp_path: Path) -> None:
    """They are read again, those that vary are looked at first to last as far as there is room, and what is left out is said."""
    random = np.random.default_rng(0)
    labels, site = random.integers(0, 3, N), random.random(N) < 0.3
    constant: dict[str, Any] = {
        f"a column with a long name, as tables have: {index}": np.zeros(N) for index in range(MOST_COLUMNS - 2_500)
    }
    columns: dict[str, Any] = constant | {"site": site} | {f"c{index}": random.normal(size=N) for index in range(2_499)}
    steps = {1: {"head": random.normal(size=(N, 3))}}
    run = log(tmp_path, steps, labels=labels, logits=outputs(labels, site & (random.random(N) < 0.8)), columns=columns)
    assert len(run.latest.instances.column_names) > MOST_COLUMNS
    found = run.latest.look_for_findings()
    (first,) = [one for one in found.findings if one.kind == "failing-slice"]
    assert first.title == "site fails"
    # The label is a column, too.
    assert found.notes == (
        "2,000 conditions on 2,000 columns were looked at; 501 columns were left out. "
        "Pairs were made of the first 300 of 2,000 conditions, of every column in turn.",
    )
    assert "501 columns were left out" in first.sentence


@pytest.mark.parametrize("values", ["NaN", "constant"])
@pytest.mark.parametrize("name", runs())
def test_nothing_is_said_and_nothing_raised(tmp_path: Path, name: str, values: str) -> None:
    options = runs()[name]
    count = 2 if name == "two instances" else N
    random = np.random.default_rng(1)
    steps = {}
    for step in range(9):
        stem = random.normal(size=(count, 5)).astype(np.float32)
        if values == "NaN":
            stem[:, 2] = np.nan
        else:
            stem[:] = 3
        steps[step] = {"stem/relu": stem, "head": random.normal(size=(count, 3)).astype(np.float32)}
    findings = log(tmp_path, steps, **options).findings()
    for one in findings:
        assert one.kind not in ("error-region", "concept", "drift", "duplicates")
        assert 0 <= one.strength <= 1
        assert one.p is None, "nothing is planted; test_p_values.py has bad data with a fault"
