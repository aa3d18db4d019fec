"""A log of version 0.1.0 reads as it did: against numbers of plain hooks and numpy from when it was written (made_with.py)."""

from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis import cli, open_run
from tensorboard_activis.query.snapshot import Snapshot

LOG = Path(__file__).parent / "written_by_0_1"
STEPS = (0, 7)
LAYERS = ("1", "4", "5")
SEEN = 60


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    """`<step> <layer>`, `<step> loss`, … of 62 instances in the order of the data, the two probes last; `ink`, `site` of 60."""
    with np.load(LOG / "expected.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module", params=STEPS)
def snapshot(request: pytest.FixtureRequest) -> Snapshot:
    return open_run(LOG).snapshot(request.param)


def places(snapshot: Snapshot) -> np.ndarray:
    """Where the kept instances are in the data: ids of the sample are places, those of the probes begin anew."""
    pinned = snapshot.instances["pinned"].to_numpy(zero_copy_only=False)
    ids = snapshot.instances["id"].to_numpy()
    assert len(ids) == 26
    assert pinned.tolist() == [False] * 24 + [True] * 2
    return np.concatenate([ids[:24], [SEEN, SEEN + 1]])


def members(expected: dict[str, np.ndarray], step: int) -> dict[str, np.ndarray]:
    """The subsets that were logged, by name: bool [60]."""
    label = expected["label"]
    correct = expected[f"{step} prediction"][:SEEN] == label
    classes = {f"digit {digit}": label == digit for digit in range(10)}
    heavy, site = expected["ink"] > 20, expected["site"] == "B"
    return {"all": label >= 0, **classes, "correct": correct, "wrong": ~correct, "heavy": heavy, "site B": site}


def test_all_of_it_opens() -> None:
    run = open_run(LOG)
    assert run.problems == ()
    assert tuple(run.steps) == STEPS
    assert [(layer.name, layer.neurons) for layer in run.latest.layers.values()] == [("1", 6), ("4", 12), ("5", 10)]
    assert {"1", "4", "5"} <= {node.key for node in run.graph.nodes}
    assert cli.main(["check", str(LOG)]) == 0


def test_activations(snapshot: Snapshot, expected: dict[str, np.ndarray]) -> None:
    kept = places(snapshot)
    for layer in LAYERS:
        wanted = expected[f"{snapshot.step} {layer}"][kept]
        np.testing.assert_allclose(snapshot.activations(layer), wanted, rtol=1e-3, atol=1e-6)  # float16


@pytest.mark.parametrize("layer", LAYERS)
def test_statistics(snapshot: Snapshot, expected: dict[str, np.ndarray], layer: str) -> None:
    subsets = members(expected, snapshot.step)
    values = expected[f"{snapshot.step} {layer}"][:SEEN].astype(np.float64)
    summary = snapshot.summary(layer)
    names = [subset.name for subset in snapshot.record.subsets]
    assert set(names) == set(subsets)
    for at, name in enumerate(names):
        rows = values[subsets[name]]
        assert snapshot.record.subsets[at].count == len(rows)
        for statistic in ("mean", "std", "min", "max"):
            wanted = getattr(rows, statistic)(axis=0)
            np.testing.assert_allclose(getattr(summary, statistic)[at], wanted, rtol=2e-5, atol=2e-6, err_msg=name)


def test_columns_and_metrics(snapshot: Snapshot, expected: dict[str, np.ndarray]) -> None:
    kept = places(snapshot)
    table = {name: snapshot.instances[name].to_pylist() for name in snapshot.instances.column_names}
    label = expected["label"]
    assert table["label"][:24] == [f"digit {digit}" for digit in label[kept[:24]]]
    assert table["site"][:24] == expected["site"][kept[:24]].tolist()
    assert table["ink"][:24] == pytest.approx(expected["ink"][kept[:24]])
    prediction, score, loss = (expected[f"{snapshot.step} {name}"] for name in ("prediction", "score", "loss"))
    assert table["prediction"] == [f"digit {digit}" for digit in prediction[kept]]
    assert table["score"] == pytest.approx(score[kept], rel=1e-5)
    assert table["loss"] == pytest.approx(loss[kept], rel=1e-4)
    assert snapshot.record.metrics["accuracy"] == np.mean(prediction[:SEEN] == label)
    assert snapshot.record.metrics["loss"] == pytest.approx(loss[:SEEN].mean(), rel=1e-6)


def test_questions(snapshot: Snapshot, expected: dict[str, np.ndarray]) -> None:
    """What is asked of a log today, of one that has neither positions, depth nor effects."""
    kept = places(snapshot)
    values = expected[f"{snapshot.step} 4"]
    site, ink = (np.append(expected[name], [None, None])[kept] for name in ("site", "ink"))
    chosen = np.array([one == "B" and two > 15 for one, two in zip(site, ink, strict=True) if one is not None])
    assert snapshot.where('site == "B" and ink > 15')[:24].tolist() == chosen.tolist()
    matrix = snapshot.matrix("4", ["correct", "wrong"], sort=("correct", "wrong"))
    subsets = members(expected, snapshot.step)
    for at, name in enumerate(("correct", "wrong")):
        np.testing.assert_allclose(matrix.mean[at], values[:SEEN][subsets[name]].mean(axis=0), rtol=2e-5, atol=2e-6)
    assert snapshot.projection("4").xy.shape == (26, 2)
    assert snapshot.position_sizes("1") == ()
    history = snapshot.history("4", ["all"], neuron=0)
    wanted = [expected[f"{step} 4"][:SEEN, 0].mean() for step in STEPS]
    np.testing.assert_allclose(history.values[:, 0, 0], wanted, rtol=2e-5, atol=2e-6)
    assert snapshot.findings() is not None
    image = snapshot.content(0)
    assert image[0].startswith("image")
