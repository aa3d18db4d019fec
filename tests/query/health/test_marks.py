"""Rules over training health: each planted fault is marked at its step and in its layers, and plain training is not."""

from collections.abc import Callable

import numpy as np
import pytest

from tensorboard_activis.health_part import HealthLayer
from tensorboard_activis.query.health.health import training_health
from tensorboard_activis.query.health.marks import Mark, marks
from tensorboard_activis.read.health import Health

MEASURES = ("update_ratio", "gradient_norm", "activation_rms", "dead_share", "expert_load")
STEPS = 200
LAYERS = (
    *tuple(HealthLayer(f"layer{index}", "Linear") for index in range(4)),
    HealthLayer("router", "Linear", experts=8, chosen=2),
)


def plain(seed: int = 0) -> np.ndarray:
    """Training as usual: noise of a factor of two about a slow fall, float32 [measures, layers, steps]."""
    random = np.random.default_rng(seed)
    fall = np.linspace(1, 0.2, STEPS)
    values = np.exp(random.normal(0, 0.4, (len(MEASURES), len(LAYERS), STEPS))) * fall
    values[0] *= 0.004
    values[3] = np.clip(random.normal(0.2, 0.01, values[3].shape), 0, 1)
    values[4] = np.nan
    values[4, -1] = random.normal(0.3, 0.03, STEPS)
    return values.astype(np.float32)


def found(values: np.ndarray) -> list[Mark]:
    every = 5
    steps = np.arange(0, STEPS * every, every)
    return list(marks(Health(LAYERS, MEASURES, steps, values, np.ones(STEPS, np.float32), every, ())))


@pytest.mark.parametrize("seed", range(20))
def test_plain_training_has_no_marks(seed: int):
    assert found(plain(seed)) == []


def test_a_jump_in_all_layers_is_one_mark():
    values = plain()
    values[0, :, 100:103] = 0.4
    (mark,) = found(values)
    assert (mark.kind, mark.measure, mark.first, mark.last) == ("jump", "update_ratio", 500, 510)
    assert mark.layers == tuple(layer.name for layer in LAYERS)
    assert mark.title == "Jump at step 500 in all 5 layers"
    times = 0.4 / np.median(values[0], axis=1).max(), 0.4 / np.median(values[0], axis=1).min()
    said = float(mark.sentence.split(" is ")[1].split(" times")[0])
    assert times[0] - 1 <= said <= times[1] + 1


def test_two_jumps_apart_are_two_marks_and_the_first_steps_none():
    values = plain()
    values[0, 1, [0, 50, 150]] = 0.9
    assert [(mark.first, mark.layers) for mark in found(values)] == [(250, ("layer1",)), (750, ("layer1",))]


def test_a_jump_of_the_gradient():
    values = plain()
    values[1, 2, 60] = 500
    (mark,) = found(values)
    assert (mark.kind, mark.measure, mark.first, mark.layers) == ("jump", "gradient_norm", 300, ("layer2",))


def test_what_is_not_finite():
    values = plain()
    values[1, 3, 120:] = np.inf
    (mark,) = found(values)
    assert (mark.kind, mark.first, mark.last, mark.layers) == ("not-finite", 600, 995, ("layer3",))


def test_a_gradient_that_vanishes():
    values = plain()
    values[1, :2, 80:] = 1e-9
    (mark,) = found(values)
    assert (mark.kind, mark.first, mark.last, mark.layers) == ("vanishing", 400, 995, ("layer0", "layer1"))


def test_a_frozen_layer_has_no_gradient_that_could_vanish():
    values = plain()
    values[:2, 0] = np.nan
    assert found(values) == []


def test_activations_that_explode():
    values = plain()
    values[2, 1, 190:] = 400
    (mark,) = found(values)
    assert (mark.kind, mark.first, mark.layers) == ("exploding", 950, ("layer1",))


def test_neurons_that_die():
    values = plain()
    values[3, 2, 120:] += 0.09
    (mark,) = found(values)
    assert (mark.kind, mark.layers, mark.last) == ("dead", ("layer2",), 995)
    assert abs(mark.first - 600) <= 15
    assert mark.sentence.startswith("20 % of its neurons are silent over a whole batch before, 29 % after")


def test_a_share_that_comes_back_is_no_death():
    values = plain()
    values[3, 2, 100:130] += 0.3
    assert found(values) == []


def test_an_expert_that_gets_nearly_all():
    values = plain()
    values[4, -1, 50:] = 0.93
    (mark,) = found(values)
    assert (mark.kind, mark.layers, mark.first) == ("expert-collapse", ("router",), 250)
    assert "93 % of the tokens go to the busiest of 8 experts (median); 25 % would be even" in mark.sentence


@pytest.mark.parametrize(
    ("spoil", "kinds"),
    [
        (lambda values: values.fill(np.nan), []),  # nothing was measured
        (lambda values: values.fill(np.inf), ["not-finite"] * len(MEASURES)),
        (lambda values: values.fill(0), []),
        (lambda values: values.__setitem__((slice(None), slice(None), slice(3, None)), np.nan), []),
    ],
)
def test_odd_values_raise_nothing(spoil: Callable[[np.ndarray], object], kinds: list[str]):
    values = plain()
    spoil(values)
    assert [mark.kind for mark in found(values)] == kinds


def test_columns_hold_the_largest_of_their_steps():
    values = plain()
    values[1, 1, 77] = np.nan
    loss = np.linspace(3, 1, STEPS, dtype=np.float32)
    health = Health(LAYERS, MEASURES, np.arange(STEPS) * 5, values, loss, 5, ("a note",))
    answer = training_health(health, 30)
    assert (answer.measured, answer.together, answer.notes) == (200, 7, ("a note",))
    assert answer.steps.tolist() == list(range(0, 1000, 35))
    assert answer.last_steps.tolist() == [*range(30, 1000, 35), 995]
    for column in range(29):
        part = slice(7 * column, 7 * column + 7)
        np.testing.assert_array_equal(answer.values[:2, :, column], np.nanmax(values[:2, :, part], axis=2))
        assert answer.loss[column] == loss[part].max()
    whole = training_health(health)
    assert whole.together == 1
    np.testing.assert_array_equal(whole.values, values)
