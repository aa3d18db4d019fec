"""Two loggers watch one model at once: each takes the user's passes and none of the other's, and they end in any order."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.network import Net
from tests.torch.process_state import differences, process_state
from tests.torch.watching import Data, check, chunks, column

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(23, 6, 5, generator=GENERATOR)
Y = torch.randint(0, 3, (23,), generator=GENERATOR)


class Attentive(nn.Module):
    """Layers that are operators and heads: what a mode on top of another one could hide, or take with it when it goes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(5, 8), nn.Linear(8, 3)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.tanh(functional.relu(self.first(x)))
        looked, _ = self.attention(x, x, x)
        out: torch.Tensor = self.last(looked.mean(1))
        return out


def watched_by(where: Path, model: nn.Module, count: int, order: list[int], **options: Any) -> None:
    """Two evaluations of the model, each watched by so many loggers, whose watches end in this order."""
    loggers = [ActiVisLogger(where / str(number), model, strict=True, **options) for number in range(count)]
    for step in (1, 2):
        watches = [logger.watch(step) for logger in loggers]
        with torch.no_grad():
            for start in range(0, 23, 9):
                model(X[start : start + 9])
                for watch in watches:
                    watch.batch(labels=Y[start : start + 9])
        for number in order:
            watches[number].close()
    for number in order:
        loggers[number].close()


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_both_see_every_pass(tmp_path: Path, order: list[int]) -> None:
    model = Attentive().eval()
    before = process_state(model)
    watched_by(tmp_path / "both", model, 2, order)
    assert not differences(before, process_state(model))
    watched_by(tmp_path / "alone", model, 1, [0])
    alone = open_run(tmp_path / "alone" / "0")
    with torch.no_grad():
        logits = model(X)
        relu = functional.relu(model.first(X)).mean(1)
    for number in order:
        run = open_run(tmp_path / "both" / str(number))
        assert run.steps == [1, 2]
        for step in run.steps:
            snapshot, same = run.snapshot(step), alone.snapshot(step)
            ids = column(snapshot, "id")
            assert sorted(ids) == list(range(23))
            np.testing.assert_allclose(snapshot.activations("first/relu"), relu.numpy()[ids], rtol=2e-3, atol=2e-3)
            assert (column(snapshot, "label") == Y.numpy()[ids]).all()
            assert (column(snapshot, "prediction") == logits.argmax(1).numpy()[ids]).all()
            # Heads and what they look at as well, which one logger alone sees.
            names = [layer.name for layer in same.record.layers]
            assert [layer.name for layer in snapshot.record.layers] == names
            assert "attention/heads" in names
            for name in names:
                values = snapshot.activations(name)[np.argsort(ids)]
                expected = same.activations(name)[np.argsort(column(same, "id"))]
                np.testing.assert_allclose(values, expected, rtol=2e-3, atol=2e-3)


def test_other_layers_and_other_times(tmp_path: Path, data: Data) -> None:
    """One logger watches all of an evaluation, the other its first batches, and a third one logs by itself in between."""
    model = Net().eval()
    x, y = data
    with (
        ActiVisLogger(tmp_path / "all", model, layers=["norm"], strict=True) as one,
        ActiVisLogger(tmp_path / "few", model, layers=["fc"], strict=True) as other,
        ActiVisLogger(tmp_path / "own", model, (x + 1, y), layers=["norm"], strict=True) as own,
        torch.no_grad(),
        one.watch(1) as first,
    ):
        second = other.watch(1)
        seen = 0
        for inputs, labels in chunks(data, 9):
            model(inputs)
            first.batch(labels=labels)
            if second.is_open:
                second.batch(labels=labels)
                seen += len(labels)
            if seen == 18 and second.is_open:
                second.close()
                own.log(1)
    check(open_run(tmp_path / "all").latest, model, "norm", x, y)
    check(open_run(tmp_path / "few").latest, model, "fc", x[:18], y[:18])
    check(open_run(tmp_path / "own").latest, model, "norm", x + 1, y)


@pytest.mark.nightly  # torch.compile alone takes its time
def test_what_lets_passes_go_by_is_off_until_the_last_watch_ends(tmp_path: Path, data: Data) -> None:
    compiled: list[int] = []

    def backend(graph: Any, inputs: Any) -> Any:
        def run(*arguments: Any) -> Any:
            compiled.append(1)
            return graph(*arguments)

        return run

    model: Any = torch.compile(Net().eval(), backend=backend)
    with torch.no_grad(), ActiVisLogger(tmp_path / "a", model) as one, ActiVisLogger(tmp_path / "b", model) as other:
        model(data[0])
        assert compiled == [1]
        before = process_state(model)
        first, second = one.watch(1), other.watch(1)
        model(data[0])
        first.batch(labels=data[1])
        first.close()
        assert not torch.backends.mha.get_fastpath_enabled()
        model(data[0])
        second.batch(labels=data[1])
        second.close()
        assert not differences(before, process_state(model))
        assert compiled == [1]
        model(data[0])
        assert compiled == [1, 1]
    assert open_run(tmp_path / "b").latest.record.seen == len(data[1])


def test_a_lazy_model_and_a_copy_of_a_model(tmp_path: Path, data: Data) -> None:
    """Both copy the model with the hooks of another watch on it; what a copy computes is not part of the evaluation."""
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(6), nn.ReLU(), nn.Linear(6, 3)).eval()
    with (
        ActiVisLogger(tmp_path / "one", model, layers=["3"], strict=True) as one,
        ActiVisLogger(tmp_path / "other", model, layers=["3"], strict=True) as other,
        torch.no_grad(),
        one.watch(1) as first,
        other.watch(1) as second,
    ):
        for x, y in chunks(data, 9):
            model(x)
            copy.deepcopy(model)(x + 1)
            first.batch(labels=y)
            second.batch(labels=y)
    for name in ("one", "other"):
        check(open_run(tmp_path / name).latest, model, "3", *data)
