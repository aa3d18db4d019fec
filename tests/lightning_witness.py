"""What the steps of a Lightning validation saw, recorded apart from ActiVis, and what a snapshot of it must hold."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch import nn

from tensorboard_activis.lightning import ActiVisCallback
from tests.small_lightning import Module

LAYERS = ["body.0", "body.2", "head"]


def activis(where: Path, **options: Any) -> ActiVisCallback:
    """The callback for a directory, which records the layers of `LAYERS` and raises what goes wrong, unless told otherwise."""
    arguments: dict[str, Any] = {"layers": LAYERS, "strict": True} | options
    return ActiVisCallback(log_dir=where, **arguments)


class Witness(pl.Callback):
    """Batches and weights of every validation step, those of the sanity check aside.

    Attributes:
        batches: by (step, number of the loader).
        weights: by step, those of its last batch.
    """

    def __init__(self) -> None:
        self.batches: dict[tuple[int, int], list[Any]] = defaultdict(list)
        self.weights: dict[int, dict[str, torch.Tensor]] = {}

    def on_validation_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if not trainer.sanity_checking:
            self.batches[trainer.global_step, dataloader_idx].append(deepcopy(batch))
            self.weights[trainer.global_step] = deepcopy(pl_module.state_dict())

    def tensors(self, step: int, loader: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and labels of a validation whose batches are pairs, in the order of the steps."""
        batches = self.batches[step, loader]
        return torch.cat([batch[0] for batch in batches]), torch.cat([batch[1] for batch in batches])

    def expect(self, snapshot: Any, loader: int = 0) -> None:
        """Compares a snapshot with what plain hooks say of this validation; ids are places in its order."""
        step = snapshot.record.step
        expect(snapshot, self.weights[step], *self.tensors(step, loader))


def hooked(
    module: nn.Module, names: Sequence[str], inputs: Any, run: Callable[[Any], Any] | None = None
) -> dict[str, np.ndarray]:
    """The outputs of submodules in evaluation mode, by plain hooks over all instances at once."""
    taken: dict[str, np.ndarray] = {}
    handles = [
        module.get_submodule(name).register_forward_hook(
            lambda _, args, output, name=name: taken.update({name: output.detach().clone().numpy()})
        )
        for name in names
    ]
    was = module.training
    with torch.no_grad():
        module.eval()
        (run or module)(inputs)
    module.train(was)
    for handle in handles:
        handle.remove()
    return taken


def expect(
    snapshot: Any,
    weights: dict[str, torch.Tensor],
    inputs: torch.Tensor,
    labels: torch.Tensor,
    make: Callable[[], nn.Module] = Module,
    names: Sequence[str] = LAYERS,
    ids: Sequence[Any] | None = None,
) -> None:
    """Compares a snapshot, instance by instance, with a module of these weights.

    Arguments:
        ids: of the instances in order; None: 0, 1, 2, …
    """
    module = make()
    module.load_state_dict(weights)
    values, known = hooked(module, names, inputs), list(range(len(inputs)) if ids is None else ids)
    assert snapshot.record.seen == len(inputs)
    table = snapshot.instances.slice(0, snapshot.record.sample_size)
    order = [known.index(one) for one in table["id"].to_pylist()]
    assert sorted(order) == list(range(len(inputs)))
    for name in names:
        np.testing.assert_allclose(snapshot.activations(name)[: len(order)], values[name][order], rtol=2e-3, atol=2e-4)
        np.testing.assert_allclose(snapshot.summary(name).mean[0], values[name].mean(0), rtol=1e-4, atol=1e-5)
    prediction = values[names[-1]].argmax(1)
    assert table["prediction"].to_pylist() == prediction[order].tolist()
    assert table["label"].to_pylist() == labels[order].tolist()
    assert snapshot.record.metrics["accuracy"] == pytest.approx((prediction == labels.numpy()).mean())
