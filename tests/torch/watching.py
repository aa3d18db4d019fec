"""Shared by tests of watched evaluations: batches, and what a snapshot must hold by plain hooks and the model in one piece."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from tensorboard_activis.query.snapshot import Snapshot

Data = tuple[torch.Tensor, torch.Tensor]


def chunks(data: Data, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    yield from zip(data[0].split(size), data[1].split(size), strict=True)


def plain(model: nn.Module, module: nn.Module, x: torch.Tensor) -> np.ndarray:
    """The mean output of a module over positions, by a plain hook."""
    outputs: list[torch.Tensor] = []
    handle = module.register_forward_hook(lambda module, args, output: outputs.append(output.clone()))
    with torch.no_grad():
        model.eval()(x)
    handle.remove()
    return outputs[0].flatten(2).mean(2).numpy() if outputs[0].dim() > 2 else outputs[0].numpy()


def column(snapshot: Snapshot, name: str) -> np.ndarray:
    return np.array(snapshot.instances[name].to_pylist())


def check(snapshot: Snapshot, model: nn.Module, layer: str, x: torch.Tensor, y: torch.Tensor) -> None:
    """Compares ids, activations, labels, predictions and losses of all instances with those of the model in one piece."""
    ids = column(snapshot, "id")
    assert sorted(ids) == list(range(len(x)))
    want = plain(model, model.get_submodule(layer), x)[ids]
    np.testing.assert_allclose(snapshot.activations(layer).astype(np.float32), want, rtol=2e-3, atol=2e-3)
    with torch.no_grad():
        logits = model.eval()(x)
    assert (column(snapshot, "label") == y.numpy()[ids]).all()
    assert (column(snapshot, "prediction") == logits.argmax(1).numpy()[ids]).all()
    losses = functional.cross_entropy(logits, y, reduction="none").numpy()
    np.testing.assert_allclose(column(snapshot, "loss"), losses[ids], rtol=1e-3, atol=1e-4)
