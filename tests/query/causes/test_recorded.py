"""Effects that were recorded while logging rank before what is estimated; against plain autograd and a hand-written hook."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tensorboard_activis.query.snapshot import Snapshot
from tests.torch.effects import CLASSES, Cnn, images, logged, margin, plain_gradients


@pytest.fixture(scope="module")
def model() -> Cnn:
    torch.manual_seed(3)
    return Cnn().eval()


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory, model: Cnn) -> Snapshot:
    inputs, labels = images()
    batches = list(zip(inputs.split(7), labels.split(7), strict=True))
    return logged(tmp_path_factory.mktemp("tried"), model, batches, effects="tried", layers=["hidden", "head"])


def truth(snapshot: Snapshot, model: Cnn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """In the order of the snapshot: labels, margins, activations and gradients of the hidden layer."""
    inputs, labels = images()
    ids = snapshot.instances["id"].to_numpy().astype(int)
    margins, modules = plain_gradients(model, inputs, labels, ["hidden"])
    hidden, gradients = modules["hidden"]
    return labels.numpy()[ids], margins[ids], hidden[ids], gradients[ids]


def test_gradients_rank_before_the_regression(tmp_path: Path, model: Cnn) -> None:
    inputs, targets = images()
    batches = list(zip(inputs.split(7), targets.split(7), strict=True))
    snapshot = logged(tmp_path, model, batches, effects="gradients", layers=["hidden", "head"])
    labels, margins, hidden, gradients = truth(snapshot, model)
    rows = np.flatnonzero(margins < 0)
    assert rows.size > 10
    for row in rows[:5]:
        found = snapshot.instance_detail("hidden", int(row)).contrast
        assert found is not None
        assert (found.estimate.method, found.estimate.reliable) == ("gradients", True)
        effect = gradients[row] * (hidden[labels == labels[row]].mean(axis=0) - hidden[row])
        order = [one for one in np.argsort(-effect, kind="stable") if effect[one] > 0][:5]
        assert [one.neuron for one in found.neurons] == order
        np.testing.assert_allclose([one.estimated for one in found.neurons], effect[order], rtol=0.01, atol=2e-3)
        assert all(np.isnan(one.tried) for one in found.neurons)
        assert found.together is not None
        assert found.together.before == pytest.approx(margins[row], abs=5e-3)
        assert found.together.after == pytest.approx(margins[row] + effect[order].sum(), abs=0.01)
    errors = snapshot.effects("hidden", "all").errors
    assert errors is not None
    assert (errors.estimate.method, errors.wrong, errors.n) == ("gradients", rows.size, rows.size)
    contribution = -(gradients * hidden)[rows].mean(axis=0)
    assert errors.neurons[0].neuron == contribution.argmax()
    assert errors.neurons[0].effect == pytest.approx(contribution.max(), rel=0.01)


def test_what_was_tried_ranks_before_gradients(tried: Snapshot, model: Cnn) -> None:
    inputs, _ = images()
    labels, margins, hidden, _ = truth(tried, model)
    ids = tried.instances["id"].to_numpy().astype(int)
    rows = tried.tried_effects("hidden").rows
    assert rows.size > 5
    for row in map(int, rows[:4]):
        found = tried.instance_detail("hidden", row).contrast
        assert found is not None
        assert found.estimate.method == "tried"
        means = hidden[labels == labels[row]].mean(axis=0)

        def after(neurons: list[int], row: int = row, means: np.ndarray = means) -> float:
            def put(module: torch.nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor:
                output = output.clone()
                output[:, neurons] = torch.from_numpy(means[neurons])
                return output

            handle = model.hidden.register_forward_hook(put)
            with torch.no_grad():
                logits = model(inputs[ids[row]][None])
            handle.remove()
            return float(margin(logits, torch.tensor([int(labels[row])]))[0])

        changes = [one.tried for one in found.neurons]
        assert changes == sorted(changes, reverse=True)
        np.testing.assert_allclose(
            changes, [after([one.neuron]) - margins[row] for one in found.neurons], rtol=0.01, atol=2e-3
        )
        assert found.together is not None
        assert found.together.after == pytest.approx(after([one.neuron for one in found.neurons]), abs=5e-3)
        assert (found.together.predicted == str(labels[row])) == (found.together.after > 0)


def test_another_class_than_its_own_and_rows_are_estimated_by_regression(tried: Snapshot) -> None:
    row = int(tried.tried_effects("hidden").rows[0])
    label, taken = (tried.instances[name][row].as_py() for name in ("label", "prediction"))
    other = next(str(name) for name in range(CLASSES) if str(name) not in (str(label), str(taken)))
    found = tried.instance_detail("hidden", row, against=other).contrast
    assert found is not None
    assert found.estimate.method == "regression"
    assert tried.effects("hidden", "all").estimate.method == "regression"
    assert tried.effects("hidden", row).estimate.method == "tried"
