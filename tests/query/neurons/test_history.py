"""Rows over the steps against numpy, from the data that were logged."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.errors import ExpressionError, NotFoundError, QueryError, UnreadableError
from tensorboard_activis.query.limits import TooLargeError
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.query.neurons.history import MAX_VALUES, history, most_steps, parse_most, spread
from tensorboard_activis.query.run import open_run
from tensorboard_activis.query.snapshot import Snapshot
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.records import Data, small_data, write_run

STEPS = (1, 2, 5, 9)
ROWS = [
    Row(subset="all"),
    Row(subset="bee"),
    Row(subset="unsure"),
    Row(expression="score < 0.6"),
    Row(expression="label == 'cat'"),
    Row(instance=3),
]


@pytest.fixture(scope="module")
def logged() -> dict[int, Data]:
    """The same instances at every step, of a model that changes."""
    first = small_data()
    changed = {step: small_data(seed=step) for step in STEPS}
    return {step: replace(data, ids=first.ids, labels=first.labels) for step, data in changed.items()}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, logged: dict[int, Data]) -> Path:
    """A run whose last step has no subset of its own."""
    path = tmp_path_factory.mktemp("history")
    for step, data in logged.items():
        write_run(path, data, (step,), subsets={} if step == 9 else {"unsure": "score < 0.6"})
    return path


@pytest.fixture
def shown(path: Path) -> Snapshot:
    return open_run(path).snapshot(2)


def members(data: Data, shown: Snapshot) -> list[np.ndarray]:
    """The instances of ROWS, as masks over the data."""
    exponents = np.exp(data.logits - data.logits.max(axis=1, keepdims=True))
    score = (exponents / exponents.sum(axis=1, keepdims=True)).max(axis=1)
    one = data.ids == shown.instances["id"][3].as_py()
    return [np.ones(17, bool), data.labels == 1, score < 0.6, score < 0.6, data.labels == 2, one]


@pytest.mark.parametrize("layer", ["head", "stem/relu"])
@pytest.mark.parametrize(
    ("statistic", "of"), [("mean", np.mean), ("std", np.std), ("max", np.max), ("median", np.median)]
)
def test_values_are_those_of_the_data(shown: Snapshot, logged: dict[int, Data], layer: str, statistic: str, of) -> None:
    found = shown.history(layer, ROWS, statistic=statistic)
    assert (found.statistic, [one.step for one in found.steps]) == (statistic, list(STEPS))
    assert {one.problem for one in found.steps} == {None}
    for place, step in enumerate(STEPS):
        for row, mask in enumerate(members(logged[step], shown)):
            own = logged[step].activations[layer][mask].astype(np.float64)
            if step == 9 and ROWS[row] == Row(subset="unsure"):
                assert found.n[place, row] == -1
                assert np.isnan(found.values[place, row]).all()
                continue
            assert found.n[place, row] == len(own)
            if len(own):
                np.testing.assert_allclose(found.values[place, row], of(own, axis=0), rtol=2e-3, atol=2e-3)


def test_one_neuron_is_a_column_of_all(shown: Snapshot) -> None:
    whole = shown.history("head", ROWS)
    one = shown.history("head", ROWS, neuron=1)
    assert one.values.shape == (4, len(ROWS), 1)
    np.testing.assert_allclose(one.values[:, :, 0], whole.values[:, :, 1], rtol=1e-6)
    assert (one.n == whole.n).all()


def test_only_summaries_are_read_for_declared_subsets(shown: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    def unread(self: SnapshotReader, layer: str) -> np.ndarray:
        raise UnreadableError("activations were read")

    monkeypatch.setattr(SnapshotReader, "activations", unread)
    assert np.isfinite(shown.history("head", ["all", "bee"], neuron=0).values).all()
    with pytest.raises(UnreadableError, match="activations were read"):
        shown.history("head", ["score < 0.6"], neuron=0)


def test_a_step_that_lacks_something_says_so(path: Path) -> None:
    run = open_run(path)
    first, shown, third, last = (run.snapshot(step) for step in STEPS)
    without = SnapshotReader(replace(first.record, layers=first.record.layers[:1]), run.directory)
    narrow = replace(third.layer("head").info, neurons=2)
    other = SnapshotReader(
        replace(third.record, layers=(*third.record.layers[:1], replace(third.layer("head"), info=narrow))),
        run.directory,
    )
    expression = "neuron('stem/relu', 0) > 0"
    lacking = SnapshotReader(replace(last.record, layers=last.record.layers[1:]), run.directory)
    rows = [Row(subset="all"), Row(expression=expression)]
    found = history(shown, "head", rows, [without, shown, other, lacking], 0)
    problems = [one.problem for one in found.steps]
    assert problems[1] is problems[3] is None
    assert "was not recorded at step 1" in (problems[0] or "")
    assert "has 2 neurons at step 5, not 3" in (problems[2] or "")
    assert found.n[:, 0].tolist() == [-1, 17, -1, 17]
    assert found.n[3, 1] == -1
    assert found.n[1, 1] > 0
    assert np.isfinite(found.values[:, 0, 0]).tolist() == [False, True, False, True]


def test_mistakes_are_those_of_the_snapshot_shown(shown: Snapshot) -> None:
    mistakes: list[tuple[str, list[str | int], int, type[Exception]]] = [
        ("nowhere", ["all"], 0, NotFoundError),
        ("head", ["all"], 3, NotFoundError),
        ("head", ["all"], -1, NotFoundError),
        ("head", [99], 0, NotFoundError),
        ("head", ["lable == 3"], 0, ExpressionError),
    ]
    for layer, rows, neuron, error in mistakes:
        with pytest.raises(error):
            shown.history(layer, rows, neuron=neuron)
    with pytest.raises(QueryError, match="statistic must be one of mean"):
        shown.history("head", statistic="mode")
    for most in (1, 0, -3, 1_001):
        with pytest.raises(QueryError, match="2 to 1,000"):
            parse_most(most)


def test_steps_are_spread_evenly_with_the_ends_and_the_one_shown(shown: Snapshot) -> None:
    every = list(range(0, 600, 2))
    assert spread(every, 4, 300) == every
    thinned = spread(every, 100, 50)
    assert len(thinned) == 50
    assert (thinned[0], thinned[-1]) == (0, 598)
    assert 100 in thinned
    assert thinned == sorted(set(thinned))
    assert np.diff(thinned).max() <= 2 * 598 / 49
    assert spread([1, 2, 5, 9], 2, 2) == [1, 9]
    assert spread([1, 2, 5, 9], 2, 3) == [1, 2, 9]
    assert [one.step for one in shown.history("head", ["all"], most=3).steps] == [1, 2, 9]


def test_an_answer_has_at_most_so_many_values() -> None:
    assert most_steps(100, 1, 300) == 300
    assert most_steps(1, 16_384, 300) == MAX_VALUES // 16_384 == 256
    with pytest.raises(TooLargeError, match="ask for fewer rows"):
        most_steps(1_000, 16_384, 300)
