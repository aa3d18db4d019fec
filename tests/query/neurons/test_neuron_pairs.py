"""Pairs of neurons of two runs, against numpy's correlations and a matching by its definition."""

from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.errors import NotFoundError
from tensorboard_activis.query.neurons.neuron_pairs import LEAST_INSTANCES, MOST_NEURONS, match, neuron_pairs
from tests.query.neurons.test_movement import HEAD, STEM, logged, normal


def greedy(correlations: np.ndarray) -> list[int]:
    """One pair after the other, the largest first; what has no correlation in order at the end."""
    left = correlations.copy()
    partners = [-1] * len(left)
    while np.isfinite(left).any():
        row, column = divmod(int(np.nanargmax(left)), left.shape[1])
        partners[row] = column
        left[row], left[:, column] = np.nan, np.nan
    free = [column for column in range(left.shape[1]) if column not in partners]
    for row, partner in enumerate(partners):
        if partner < 0 and free:
            partners[row] = free.pop(0)
    return partners


def of(values: np.ndarray) -> dict[str, np.ndarray]:
    return {STEM: values, HEAD: normal(len(values), 3, seed=7)}


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (7, 7), (40, 12), (12, 40), (130, 130)])
def test_the_matching_by_its_definition(rows: int, columns: int) -> None:
    random = np.random.default_rng(rows * columns)
    correlations = random.uniform(-1, 1, (rows, columns)).astype(np.float32)
    assert match(correlations).tolist() == greedy(correlations)
    correlations[random.integers(0, rows, rows // 3)] = np.nan
    correlations[:, random.integers(0, columns, columns // 4)] = np.nan
    assert match(correlations).tolist() == greedy(correlations)


def test_shuffled_neurons_find_each_other_over_common_instances(tmp_path: Path) -> None:
    """The other run kept other instances, in another order, and its neurons are shuffled, scaled, shifted and noisy."""
    random = np.random.default_rng(3)
    values = random.normal(size=(300, 50)).astype(np.float16)
    shuffled, kept = random.permutation(50), random.permutation(300)[:200]
    noise = random.normal(scale=0.3, size=(200, 50))
    there = ((values[kept][:, shuffled] + noise) * random.uniform(0.2, 5, 50) + 4).astype(np.float16)
    one = logged(tmp_path / "one", of(values))
    two = logged(tmp_path / "two", of(there), ids=kept.tolist())
    answer = neuron_pairs(one, two, STEM)
    assert (answer.by, answer.reason, answer.n) == ("correlation", "", 200)
    assert shuffled[list(answer.partners)].tolist() == list(range(50))
    expected = np.corrcoef(values[kept].astype(float).T, there.astype(float).T)[:50, 50:]
    own = [expected[neuron, partner] for neuron, partner in enumerate(answer.partners)]
    np.testing.assert_allclose(answer.correlations, own, atol=1e-4)
    assert answer.median == pytest.approx(np.median(own), abs=1e-4)


@pytest.mark.parametrize("neurons", [30, 70])
def test_of_another_width_some_are_left(tmp_path: Path, neurons: int) -> None:
    one = logged(tmp_path / "one", of(normal(100, 50)))
    two = logged(tmp_path / "two", of(normal(100, neurons, seed=5)))
    answer = neuron_pairs(one, two, STEM)
    pairs = [partner for partner in answer.partners if partner >= 0]
    assert len(answer.partners) == 50
    assert len(set(pairs)) == len(pairs) == min(50, neurons)
    assert [np.isnan(value) for value in answer.correlations] == [partner < 0 for partner in answer.partners]


def test_a_model_that_was_trained_further_has_the_same_neurons(tmp_path: Path) -> None:
    values = normal(100, 40)
    further = (values + 0.2 * normal(100, 40, seed=8)).astype(np.float16)
    answer = neuron_pairs(logged(tmp_path / "one", of(values)), logged(tmp_path / "two", of(further)), STEM)
    assert (answer.by, answer.partners) == ("index", tuple(range(40)))
    assert "same" in answer.reason
    assert answer.median == pytest.approx(
        np.median([np.corrcoef(values[:, i].astype(float), further[:, i].astype(float))[0, 1] for i in range(40)]),
        abs=1e-4,
    )


def test_dead_and_broken_neurons(tmp_path: Path) -> None:
    """Dead ones are paired with dead ones, in order; instances with NaN count for nobody."""
    random = np.random.default_rng(4)
    values = random.normal(size=(100, 20)).astype(np.float16)
    values[:, [3, 9]] = 0
    there = np.roll(values, 1, axis=1)
    values[5, 0] = np.nan
    answer = neuron_pairs(logged(tmp_path / "one", of(values)), logged(tmp_path / "two", of(there)), STEM)
    assert answer.n == 99
    assert answer.partners == tuple((neuron + 1) % 20 for neuron in range(20))
    assert np.isnan([answer.correlations[neuron] for neuron in (3, 9)]).all()
    assert answer.median == pytest.approx(1, abs=1e-6)


def test_where_nothing_is_to_be_said_the_index_decides_and_says_why(tmp_path: Path) -> None:
    few = logged(tmp_path / "few", of(normal(LEAST_INSTANCES - 1, 6)))
    answer = neuron_pairs(few, logged(tmp_path / "shorter", of(normal(LEAST_INSTANCES - 1, 4, seed=2))), STEM)
    assert (answer.by, answer.partners, answer.n) == ("index", (0, 1, 2, 3, -1, -1), LEAST_INSTANCES - 1)
    assert "19 instances" in answer.reason
    assert np.isnan(answer.median)
    other = logged(tmp_path / "others", of(normal(40, 6)), ids=list(range(100, 140)))
    assert "only 0 instances" in neuron_pairs(few, other, STEM).reason
    wide = [logged(tmp_path / f"wide{i}", of(normal(30, MOST_NEURONS + 1, seed=i))) for i in range(2)]
    assert "4,096" in neuron_pairs(wide[0], wide[1], STEM).reason
    dead = [logged(tmp_path / f"dead{i}", of(np.zeros((30, 6), np.float16))) for i in range(2)]
    assert neuron_pairs(dead[0], dead[1], STEM).partners == tuple(range(6))
    with pytest.raises(NotFoundError, match="no layer"):
        neuron_pairs(few, logged(tmp_path / "none", {HEAD: normal(30, 3)}), STEM)
