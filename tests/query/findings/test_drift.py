"""Layers that move away after they had settled, planted in walks; and what is none: settling, one jump, an even walk."""

from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.query.findings.drift import drift
from tensorboard_activis.query.run import Run
from tests.query.findings.logged import log

N, STEPS = 100, 20


def run_of(where: Path, sizes: list[float], seed: int = 0) -> Run:
    """`head` takes steps of these sizes, `stem/relu` small ones."""
    random = np.random.default_rng(seed)
    head, stem = random.normal(size=(N, 12)), random.normal(size=(N, 6))
    steps = {}
    for number, size in enumerate(sizes):
        head = head + size * random.normal(size=(N, 12))
        stem = stem + 0.02 * random.normal(size=(N, 6))
        steps[10 * number] = {"stem/relu": stem, "head": head}
    return log(where, steps, labels=np.arange(N) % 3)


def of(run: Run) -> list:
    return drift([run.snapshot(step) for step in run.steps])


def test_a_layer_that_moves_away_again(tmp_path: Path) -> None:
    run = run_of(tmp_path, [0.8, 0.5, 0.3, 0.1] + [0.03] * 10 + [0.25] * 6)
    (found,) = of(run)
    assert (found.kind, found.layer, found.p) == ("drift", "head", None)
    assert 120 <= found.step <= 140
    movement = run.latest.movement(run.snapshot(found.step))
    (head,) = [one for one in movement.layers if one.name == "head"]
    assert found.strength == pytest.approx(head.distance, abs=1e-6)
    assert f"between steps {found.step} and 190: 1 − CKA is {head.distance:.2f}" in found.sentence
    earlier = found.step - (190 - found.step)
    (before,) = [
        one.distance for one in run.snapshot(found.step).movement(run.snapshot(earlier)).layers if one.name == "head"
    ]
    assert f"where it was {before:.2f} between steps {earlier} and {found.step}" in found.sentence
    assert head.distance >= 3 * before
    assert found in run.findings()


@pytest.mark.parametrize(
    "sizes",
    [
        [1.0 / (1 + step) for step in range(STEPS)],  # settles
        [0.2] * STEPS,  # walks evenly
        [0.8, 0.4] + [0.02] * 13 + [1.0] + [0.02] * 4,  # one jump
        [1.5, 1.2, 1.0, 0.5] + [0.02] * 16,  # the beginning
        [0.3] * 7,  # few steps
    ],
)
def test_none(tmp_path: Path, sizes: list[float]) -> None:
    assert of(run_of(tmp_path, sizes)) == []
