"""Neurons that are tried are those that gradients put first, and their margins are what a hand-written hook gives."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.errors import NotFoundError
from tensorboard_activis.query.snapshot import Snapshot
from tests.torch.effects import Cnn, Text, images, logged, margin, plain_gradients, text_batches, texts

CLOSE: dict[str, Any] = {"rtol": 1e-3, "atol": 2e-4}


def class_means(snapshot: Snapshot, layer: str) -> np.ndarray:
    """float [classes, neurons], of the classes' own rows of the summary."""
    summary = snapshot.summary(layer)
    return summary.mean[[summary.subsets.index(str(label)) for label in range(4)]]


def by_hand(
    model: nn.Module,
    inputs: Any,
    labels: torch.Tensor,
    module: str,
    neurons: list[int],
    means: np.ndarray,
    now: np.ndarray,
) -> float:
    """The margin of one instance after these neurons are set to their mean by a hook.

    Arguments:
        means, now: of the label's class, and of the instance, float [neurons].
    """

    def hook(module: nn.Module, args: Any, output: torch.Tensor) -> torch.Tensor:
        output = output.clone()
        for neuron in neurons:
            ratio = means[neuron] / now[neuron] if now[neuron] else -1
            if output.dim() == 2:
                output[:, neuron] = float(means[neuron])
            elif output.dim() == 4:
                scaled = output[:, neuron] * ratio
                output[:, neuron] = scaled if 0 <= ratio <= 10 else output[:, neuron] + means[neuron] - now[neuron]
            else:
                real = inputs["attention_mask"].bool()
                at = output[..., neuron]
                scaled = at * ratio if 0 <= ratio <= 10 else at + means[neuron] - now[neuron]
                output[..., neuron] = torch.where(real, scaled, at)
        return output

    handle = dict(model.named_modules())[module].register_forward_hook(hook)
    model.eval()
    with torch.no_grad():
        logits = model(**inputs) if isinstance(inputs, dict) else model(inputs)
    handle.remove()
    return float(margin(logits, labels)[0])


def check(snapshot: Snapshot, model: nn.Module, inputs: Any, labels: torch.Tensor, layers: list[str]) -> None:
    ids = np.array(snapshot.instances["id"].to_pylist())
    for layer in layers:
        tried, effects = snapshot.tried_effects(layer), snapshot.gradient_effects(layer)
        activations, means = snapshot.activations(layer).astype(float), class_means(snapshot, layer)
        assert tried.rows.size
        for place, row in enumerate(tried.rows):
            instance = int(ids[row])
            label = int(labels[instance])
            one = slice(instance, instance + 1)
            own = {name: each[one] for name, each in inputs.items()} if isinstance(inputs, dict) else inputs[one]
            line = int(np.flatnonzero(effects.rows == row)[0])
            labels_of_errors = labels[torch.as_tensor(ids[effects.rows])]
            change = effects.change(activations[effects.rows], means[labels_of_errors])[line]
            best = [int(each) for each in np.argsort(-change, kind="stable")[:5] if change[each] > 0]
            neurons = [int(each) for each in tried.neurons[place] if each >= 0]
            assert len(neurons) == len(best)
            np.testing.assert_allclose(change[neurons], change[best], rtol=2e-2, atol=1e-3)  # stored as float16
            for order, neuron in enumerate(neurons):
                expected = by_hand(model, own, labels[one], layer, [neuron], means[label], activations[row])
                assert tried.alone[place, order] == pytest.approx(expected, rel=2e-2, abs=5e-3)
            expected = by_hand(model, own, labels[one], layer, neurons, means[label], activations[row])
            assert tried.together[place] == pytest.approx(expected, rel=2e-2, abs=1e-2)
            assert np.isnan(tried.alone[place, len(neurons) :]).all()
            if abs(expected) > 0.02:
                assert tried.corrected[place] == (expected > 0)


def test_dense_layers_and_maps(tmp_path: Path) -> None:
    torch.manual_seed(5)
    model, (x, y) = Cnn(), images(90)
    snapshot = logged(tmp_path, model, (x, y), layers=["act", "conv", "hidden"], effects="tried")
    check(snapshot, model, x, y, ["act", "conv", "hidden"])
    margins, _ = plain_gradients(model, x, y, [])
    ids = np.array(snapshot.instances["id"].to_pylist())
    tried = snapshot.tried_effects("act")
    assert sorted(ids[tried.rows].tolist()) == sorted(np.argsort(margins, kind="stable")[:32].tolist())
    np.testing.assert_allclose(tried.before, margins[ids[tried.rows]], **CLOSE)


def test_sequences_with_padding(tmp_path: Path) -> None:
    torch.manual_seed(5)
    model, (inputs, y) = Text(), texts()
    snapshot = logged(tmp_path, model, text_batches(), layers=["block.linear1", "head"], effects="tried")
    check(snapshot, model, inputs, y, ["block.linear1", "head"])


def test_heads_are_scaled(tmp_path: Path) -> None:
    torch.manual_seed(5)
    model, (inputs, y) = Text(), texts()
    layer = "block.self_attn/heads"
    snapshot = logged(tmp_path, model, text_batches(), layers=[layer, "head"], effects="tried")
    tried, means = snapshot.tried_effects(layer), class_means(snapshot, layer)
    ids, activations = np.array(snapshot.instances["id"].to_pylist()), snapshot.activations(layer).astype(float)
    projection = model.block.self_attn.out_proj
    weight = projection.weight.detach().clone()
    compared = 0
    for place, row in enumerate(tried.rows[:8]):
        one = slice(int(ids[row]), int(ids[row]) + 1)
        for order, head in enumerate(each for each in tried.neurons[place] if each >= 0):
            # What scales a head's output: the columns of the projection that read it.
            factor = float(means[int(y[one][0]), head] / activations[row, head])
            columns = slice(4 * head, 4 * head + 4)
            projection.weight.data[:, columns] = weight[:, columns] * factor
            own = {name: each[one] for name, each in inputs.items()}
            expected = float(plain_gradients(model, own, y[one], [])[0][0])
            projection.weight.data.copy_(weight)
            assert tried.alone[place, order] == pytest.approx(expected, rel=2e-2, abs=3e-3)
            compared += 1
    assert compared >= 4


def test_nothing_was_tried_where_only_gradients_were_asked_for(tmp_path: Path) -> None:
    snapshot = logged(tmp_path, Cnn(), images())
    with pytest.raises(NotFoundError, match='log with effects="tried"'):
        snapshot.tried_effects("act")


def test_layers_of_few_neurons_and_many_classes(tmp_path: Path) -> None:
    """Fewer than five neurons; more classes than have statistics of their own are left as they are."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(36, 3), nn.Tanh(), nn.Linear(3, 70))
    x, _ = images()
    snapshot = logged(tmp_path, model, (x.flatten(1), torch.randint(0, 70, (60,))), effects="tried", layers=["1"])
    tried = open_run(tmp_path).latest.tried_effects("1")
    assert tried.neurons.shape == (32, 5)
    assert (tried.neurons[:, 3:] == -1).all()
    assert (tried.neurons[:, 0] >= 0).any()
    assert snapshot.summary("1").mean.shape[0] > 70
