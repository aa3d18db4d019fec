"""Findings about whole layers: dead neurons, activations that explode, representations that collapse."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.query.findings.collapsed import variation
from tensorboard_activis.query.findings.finding import Finding
from tensorboard_activis.query.run import open_run
from tests.query.findings.logged import log
from tests.records import small_data, write_run

N = 60


def noise(seed: int, neurons: int = 8, n: int = N) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, neurons)).astype(np.float32)


def of_kind(findings: tuple[Finding, ...], kind: str) -> list[Finding]:
    return [one for one in findings if one.kind == kind]


def test_died_and_dead_from_the_start_are_two_findings(tmp_path: Path) -> None:
    steps = {}
    for step in (10, 20, 30, 40):
        values = noise(step)
        values[:, 5] = 0
        if step >= 30:
            values[:, [2, 7]] = 0.25
        if step == 20:
            values[:, 3] = 0  # for one step only: it lives
        steps[step] = {"head": values}
    run = log(tmp_path, steps, labels=np.arange(N) % 3)
    from_the_start, died = sorted(of_kind(run.findings(), "dead"), key=lambda one: one.step)
    assert (from_the_start.step, from_the_start.neurons) == (10, (5,))
    assert from_the_start.title == "1 neuron of head dead from the start"
    assert from_the_start.sentence == "1 of 8 neurons of head is 0 for all 60 instances from the start (step 10)."
    assert (died.step, died.neurons, died.layer, died.p) == (30, (2, 7), "head", None)
    assert died.title == "2 neurons of head died at step 30"
    assert died.sentence == "2 of 8 neurons of head are constant, not 0, for all 60 instances since step 30."
    assert died.strength == 2 / 8
    # At an earlier step only what was known then.
    assert [one.neurons for one in of_kind(run.snapshot(20).findings(), "dead")] == [(5,), (3,)]


@pytest.mark.parametrize("function", ["gelu", "silu", "tanh", "sigmoid"])
def test_a_saturated_neuron_is_dead(tmp_path: Path, function: str) -> None:
    """It comes close to a value without reaching it; a weak neuron after a ReLU, and a neuron of small range, are alive."""
    of: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "gelu": lambda x: x / 2 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
        "silu": lambda x: x / (1 + np.exp(-x)),
        "tanh": np.tanh,
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    }
    inputs = np.random.default_rng(0).normal(size=(60, 20))
    before, after = inputs.copy(), inputs.copy()
    before[:, 7] = after[:, 7] = inputs[:, 7] / 100
    after[:, [2, 5]] = inputs[:, [2, 5]] - {"gelu": 7, "silu": 20, "tanh": 9, "sigmoid": 14}[function]
    run = log(tmp_path / "run", {1: {"head": of[function](before)}, 2: {"head": of[function](after)}})
    (found,) = of_kind(run.findings(), "dead")
    ranges = np.ptp(of[function](after), axis=0)
    assert (ranges[[2, 5]] > 0).all()
    assert (found.neurons, found.step) == ((2, 5), 2)
    assert found.neurons == tuple(np.flatnonzero(ranges <= np.quantile(ranges, 0.9) / 1000))
    assert found.sentence == (
        "2 of 20 neurons of head are nearly constant, over less than a thousandth of the layer's 90th percentile of ranges, "
        "for all 60 instances since step 2."
    )
    weak = np.maximum(inputs, 0)
    weak[:, 2] = np.where(np.arange(60) == 3, 1e-4, 0)
    assert of_kind(log(tmp_path / "weak", {1: {"head": weak}}).findings(), "dead") == []


def test_a_neuron_that_never_passes_its_relu_is_dead(tmp_path: Path) -> None:
    values = noise(1)
    values[:, 4] = -np.abs(values[:, 4])
    (found,) = of_kind(log(tmp_path / "whole", {1: {"head": values}}, feeds_relu=True).findings(), "dead")
    assert found.neurons == (4,)
    assert "never above 0 before a ReLU" in found.sentence
    # Of a mean over places nothing is known of the places.
    assert not of_kind(
        log(tmp_path / "mean", {1: {"head": values}}, feeds_relu=True, reducer="mean").findings(), "dead"
    )


@pytest.mark.parametrize("n", [1, 2, 19])
def test_few_instances_say_nothing(tmp_path: Path, n: int) -> None:
    run = log(tmp_path, {1: {"head": np.zeros((n, 4))}}, labels=np.zeros(n, int))
    assert run.findings() == ()


def test_values_that_are_not_finite(tmp_path: Path) -> None:
    steps = {}
    for step in (1, 2, 3):
        values = noise(step)
        if step >= 2:
            values[4, 1], values[5, 1], values[6, 2] = np.nan, np.nan, np.inf
        steps[step] = {"stem/relu": noise(step), "head": values}
    run = log(tmp_path, steps, labels=np.arange(N) % 3)
    (found,) = run.findings()
    assert (found.kind, found.layer, found.step) == ("exploding", "head", 2)
    assert found.sentence == "2 of 480 values of head are NaN and 1 infinite since step 2."
    assert found.strength == 3 / 480


def test_growth(tmp_path: Path) -> None:
    sizes = {1: 0.001, 2: 1, 3: 2, 4: 1.5, 5: 100, 6: 120}
    run = log(tmp_path, {step: {"head": size * noise(0)} for step, size in sizes.items()}, labels=np.arange(N) % 3)
    (found,) = run.findings()
    assert (found.kind, found.step) == ("exploding", 5)
    size = float(np.sqrt((noise(0).astype(float) ** 2).mean()))
    assert f"is {120 * size:,.3g} over" in found.sentence
    assert f"was {1.5 * size:,.3g} in the median of the 3 steps before step 5" in found.sentence
    assert found.strength == pytest.approx(1 - 1.5 / 120, abs=1e-3)
    assert run.snapshot(4).findings() == ()


def test_one_direction(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    line = random.normal(size=(N, 1)) @ random.normal(size=(1, 8)) + 3
    steps = {
        step: {"stem/relu": noise(step), "head": line + (0.01 if step > 1 else 1.0) * noise(step)} for step in (1, 2, 3)
    }
    run = log(tmp_path, steps, labels=np.arange(N) % 3)
    (found,) = run.findings()
    assert (found.kind, found.layer, found.step) == ("collapsed", "head", 2)
    snapshot = run.latest
    values = snapshot.activations("head").astype(float)
    variances = np.linalg.svd(values - values.mean(0), compute_uv=False) ** 2
    shares = variances / variances.sum()
    n, share, rank = variation(snapshot, "head")
    assert n == N
    assert share == pytest.approx(shares[0])
    assert rank == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    assert found.strength == share
    assert f"an effective rank of {rank:.1f}, over 60 instances" in found.sentence


def test_two_classes_need_one_direction(tmp_path: Path) -> None:
    line = np.linspace(0, 1, N)[:, None] * np.ones((1, 8))
    assert log(tmp_path / "two", {1: {"head": line}}, labels=np.arange(N) % 2, classes=2).findings() == ()
    assert [one.kind for one in log(tmp_path / "none", {1: {"head": line}}, task="none").findings()] == ["collapsed"]


def test_a_plain_run_has_no_findings(tmp_path: Path) -> None:
    data = small_data(200)
    write_run(tmp_path, data, (1, 2, 3))
    from tensorboard_activis.query.run import open_run

    assert open_run(tmp_path).findings() == ()


def test_a_layer_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    run = log(tmp_path, {1: {"stem/relu": noise(1), "head": noise(2, 600, 300)[:N]}}, labels=np.arange(N) % 3)
    for file in tmp_path.glob("**/*.safetensors"):
        file.write_bytes(file.read_bytes()[:-1000])
    answer = open_run(run.directory.parent).latest.look_for_findings()
    assert any(note.startswith("Nothing can be said about head: ") for note in answer.notes), answer.notes
