"""Jumps between steps, planted in a walk; distances against those of the route `movement`."""

from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.query.findings.finding import Finding
from tensorboard_activis.query.findings.spikes import step_distances
from tensorboard_activis.query.run import Run
from tests.query.findings.logged import log

N = 120


def walk(jumps: dict[int, float], steps: int = 8, seed: int = 0) -> dict[int, dict[str, np.ndarray]]:
    """Activations that change a little at every step, and by more at some."""
    random = np.random.default_rng(seed)
    head, stem = random.normal(size=(N, 12)), random.normal(size=(N, 6))
    found = {}
    for step in range(10, 10 * steps + 1, 10):
        head = head + jumps.get(step, 0.1) * random.normal(size=(N, 12))
        stem = stem + 0.1 * random.normal(size=(N, 6))
        found[step] = {"stem/relu": stem, "head": head}
    return found


def spikes(run: Run) -> list[Finding]:
    return [one for one in run.findings() if one.kind == "spike"]


def test_a_jump(tmp_path: Path) -> None:
    run = log(tmp_path, walk({50: 1.5}))
    (found,) = spikes(run)
    assert (found.title, found.layer, found.step) == ("head jumped between steps 40 and 50", "head", 50)
    distances = {
        after: next(
            one.distance for one in run.snapshot(after).movement(run.snapshot(before)).layers if one.name == "head"
        )
        for before, after in ((20, 30), (30, 40), (40, 50), (50, 60), (60, 70))
    }
    assert found.strength == pytest.approx(distances[50])
    times = distances[50] / max(distances[after] for after in (30, 40, 60, 70))
    assert (
        f"1 − CKA is {distances[50]:.2f}, {times:.1f} times the largest of the two before and the two after"
        in found.sentence
    )
    assert step_distances([run.snapshot(step) for step in run.steps], "head")[1:6] == pytest.approx(
        list(distances.values())
    )
    assert spikes(Run(run.directory)) == [found]


@pytest.mark.parametrize("jumps", [{}, {20: 2.0}, {80: 2.0}, {40: 1.5, 50: 1.5, 60: 1.5}, {40: 1.5, 60: 1.5}])
def test_none(tmp_path: Path, jumps: dict[int, float]) -> None:
    """A walk; a jump at its beginning; one at its end, which may be the first of many; three that are a faster walk; two
    with a slower step between them."""
    assert spikes(log(tmp_path, walk(jumps))) == []


def test_a_jump_away_and_back_with_the_next_step(tmp_path: Path) -> None:
    steps = walk({})
    steps[40]["head"] = walk({}, seed=1)[40]["head"]
    (found,) = spikes(log(tmp_path, steps))
    assert (found.layer, found.step) == ("head", 40)
    assert "head jumped between steps 30 and 40 and again by step 50: 1" in found.sentence


def test_the_first_fifth_of_a_run_is_its_beginning(tmp_path: Path) -> None:
    assert spikes(log(tmp_path / "early", walk({40: 1.5}, steps=20))) == []
    (found,) = spikes(log(tmp_path / "later", walk({60: 1.5}, steps=20)))
    assert found.step == 60


def test_few_steps(tmp_path: Path) -> None:
    assert spikes(log(tmp_path, walk({20: 3.0}, steps=3))) == []
