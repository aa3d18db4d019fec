"""Watched evaluations of models of several kinds: dicts and tuples, the instances in another axis, compiled, lazy, in parts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.watching import Data, check, chunks, column


class Tokens(nn.Module):
    """Takes a dict by name, with labels and mask, and gives (loss, logits)."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(20, 6), nn.Linear(6, 4)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor) -> Any:
        weights = attention_mask[:, :, None].float()
        logits = self.head((self.embed(input_ids) * weights).sum(1) / weights.sum(1))
        return functional.cross_entropy(logits, labels), logits


@pytest.mark.parametrize("says", [True, False])
def test_labels_and_mask_of_the_call_itself(tmp_path: Path, says: bool) -> None:
    torch.manual_seed(0)
    model, ids = Tokens().eval(), torch.randint(0, 20, (13, 4))
    mask, labels = (torch.arange(4) < torch.arange(13)[:, None] % 4 + 1).long(), torch.randint(0, 4, (13,))
    with (
        ActiVisLogger(tmp_path, model, layers=["embed", "head"], strict=True) as logger,
        torch.no_grad(),
        logger.watch(1) as watched,
    ):
        for part in torch.arange(13).split(4):
            model(input_ids=ids[part], attention_mask=mask[part], labels=labels[part])
            if says:
                watched.batch()
    snapshot = open_run(tmp_path).latest
    order = column(snapshot, "id")
    with torch.no_grad():
        embedded = model.embed(ids)
        want = (embedded * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        logits = model(ids, mask, labels)[1]
    np.testing.assert_allclose(snapshot.activations("embed"), want.numpy()[order], atol=2e-3)
    assert (column(snapshot, "label") == labels.numpy()[order]).all()
    assert (column(snapshot, "prediction") == logits.argmax(1).numpy()[order]).all()


@pytest.mark.parametrize("steps", [7, 5])  # as many steps as instances, in one
def test_instances_in_the_second_axis(tmp_path: Path, steps: int) -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = nn.GRU(3, 6), nn.Linear(6, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.head(self.rnn(x)[1][0])
            return out

    torch.manual_seed(0)
    model, x, y = Recurrent().eval(), torch.randn(steps, 11, 3), torch.arange(11) % 2
    with (
        ActiVisLogger(tmp_path, model, layers=["rnn[1]", "head"], strict=True) as logger,
        torch.no_grad(),
        logger.watch(1) as watched,
    ):
        for part in torch.arange(11).split(8):
            model(x[:, part])
            watched.batch(labels=y[part])
    snapshot = open_run(tmp_path).latest
    order = column(snapshot, "id")
    with torch.no_grad():
        states = model.rnn(x)[1][0].numpy()
    np.testing.assert_allclose(snapshot.activations("rnn[1]"), states[order], atol=2e-3)
    assert (column(snapshot, "label") == y.numpy()[order]).all()


def test_wrapped_and_lazy_models(tmp_path: Path, data: Data) -> None:
    lazy = nn.Sequential(nn.Flatten(), nn.LazyLinear(5), nn.ReLU(), nn.Linear(5, 3)).eval()
    compiled: Any = torch.compile(lazy, backend="eager")
    with ActiVisLogger(tmp_path, compiled, layers=["2"], strict=True) as logger, torch.no_grad():
        for step in (1, 2):
            with logger.watch(step) as watched:
                for x, y in chunks(data, 9):
                    compiled(x)
                    watched.batch(labels=y)
    check(open_run(tmp_path).latest, lazy, "2", *data)


class Parts(nn.Module):
    """Whose own forward is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.head = nn.Sequential(nn.Linear(6, 5), nn.ReLU()), nn.Linear(5, 3)

    def step(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return functional.cross_entropy(self.head(self.encoder(batch[0]) * 2), batch[1])


@pytest.mark.parametrize("count", [23, 5, 6])
def test_parts_called_one_by_one(tmp_path: Path, count: int) -> None:
    """Between `begin` and `end`, as of a trainer; without a pass of our own."""
    torch.manual_seed(0)
    model, x = Parts().eval(), torch.randn(count, 6)
    y = torch.arange(count) % 3
    with ActiVisLogger(tmp_path, model, layers=["encoder.0", "encoder.1", "head"], strict=True) as logger:
        for step in (1, 2):
            watched = logger.open_watch(step)
            with torch.no_grad():
                model.head(torch.zeros(2, 5))  # belongs to no batch
                for part in torch.arange(count).split(5):
                    watched.begin((x[part], y[part]))
                    model.step((x[part], y[part]))
                    watched.end()
            watched.close()
    run = open_run(tmp_path)
    for step in (1, 2):
        snapshot = run.snapshot(step)
        ids = column(snapshot, "id")
        assert len(ids) == count
        with torch.no_grad():
            hidden = model.encoder(x)
            logits = model.head(hidden * 2)
        np.testing.assert_allclose(snapshot.activations("encoder.1"), hidden.numpy()[ids], atol=2e-3)
        np.testing.assert_allclose(snapshot.activations("head"), logits.numpy()[ids], atol=2e-3)
        assert (column(snapshot, "prediction") == logits.argmax(1).numpy()[ids]).all()
        assert (column(snapshot, "label") == y.numpy()[ids]).all()
