"""NaN, infinite, too large or missing activations are counted and reported, and the files can be read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError
from tensorboard_activis.torch import ActiVisLogger
from tests.serve.client import Client

INSTANCES = 20


class Spoiled(nn.Module):
    """Passes 4 neurons on, some of them spoiled: NaN, infinite and beyond float16, by the instance's number in column 0."""

    def __init__(self) -> None:
        super().__init__()
        self.bad, self.head = nn.Identity(), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        number, values = x[:, 0], x[:, 1:].clone()
        values[number == 3, 0] = torch.nan
        values[number == 4, 0] = torch.inf
        values[number == 5, 1] = -torch.inf
        values[number == 6, 2] = 1e6
        values[number == 7, 2] = -3e38
        values[:, 3] = torch.nan
        result: torch.Tensor = self.head(self.bad(values).nan_to_num(0, 0, 0).clamp(-1, 1))
        return result


def instances() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    numbers = torch.arange(INSTANCES, dtype=torch.float32)[:, None]
    return torch.cat([numbers, torch.rand(INSTANCES, 4, generator=generator)], 1), torch.arange(INSTANCES) % 3


def test_nan_infinite_and_too_large_values(tmp_path: Path) -> None:
    x, y = instances()
    with ActiVisLogger(tmp_path / "run", Spoiled(), (x, y), layers=["bad"], strict=True) as logger:
        logger.log(0)
    snapshot = open_run(tmp_path / "run").latest
    layer = snapshot.layers["bad"]
    assert (layer.nan, layer.inf, layer.clipped) == (1 + INSTANCES, 2, 2)

    values = x[:, 1:].double().numpy()
    values[3, 0] = values[4, 0] = values[5, 1] = np.nan  # what the summary leaves out
    values[6, 2], values[7, 2] = 1e6, np.float32(-3e38)
    values[:, 3] = np.nan
    summary = snapshot.summary("bad")
    for row, members in enumerate([y >= 0, y == 0, y == 1, y == 2]):
        mine = values[members.numpy()]
        left = np.isfinite(mine).sum(0)
        assert summary.count[row].tolist() == left.tolist()
        for neuron in range(4):
            finite = mine[np.isfinite(mine[:, neuron]), neuron]
            if not finite.size:
                assert np.isnan([summary.mean[row, neuron], summary.std[row, neuron], summary.max[row, neuron]]).all()
                continue
            np.testing.assert_allclose(summary.mean[row, neuron], finite.mean(), rtol=1e-5)
            np.testing.assert_allclose(summary.max[row, neuron], finite.max(), rtol=1e-6)
            np.testing.assert_allclose(summary.min[row, neuron], finite.min(), rtol=1e-6)
    assert summary.mean[0, 2] == pytest.approx(values[:, 2].mean(), rel=1e-5)  # in float32's range, not clipped

    order = np.asarray(snapshot.instances["id"])
    stored = snapshot.activations("bad")[np.argsort(order)]
    assert np.isnan(stored[3, 0])
    assert stored[4, 0] == np.inf
    assert stored[5, 1] == -np.inf
    assert (stored[6, 2], stored[7, 2]) == (65504, -65504)
    assert np.isnan(stored[:, 3]).all()
    assert np.isfinite(stored[8:, :3]).all()


def test_the_tab_is_told(tmp_path: Path) -> None:
    with ActiVisLogger(tmp_path / "run", Spoiled(), instances(), layers=["bad"], strict=True) as logger:
        logger.log(0)
    (layer,) = Client(tmp_path).json("snapshot", run="run", step=0)["layers"]
    assert layer["warnings"]["nonfinite"] == 1 + INSTANCES + 2
    assert layer["warnings"]["clipped"] == 2
    states = Client(tmp_path).numbers("strips", run="run", step=0)[0]["0/state"]
    assert states.tolist() == [3, 3, 0, 3]  # 3: has NaN or infinite values


class Widths(nn.Module):
    """As wide as the batch says."""

    def __init__(self) -> None:
        super().__init__()
        self.act, self.head = nn.Tanh(), nn.Linear(1, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.head(self.act(x).mean(1, keepdim=True))
        return result


def test_a_width_that_changes_between_batches(tmp_path: Path) -> None:
    batches = [torch.randn(7, 5), torch.randn(7, 5)]
    with ActiVisLogger(tmp_path, Widths(), batches, layers=["act", "head"]) as logger:
        logger.log(0)
        batches[1] = torch.randn(7, 3)
        logger.log(1)
        batches[1] = torch.randn(4, 5)
        logger.log(2)
    run = open_run(tmp_path)
    assert run.steps == [0, 1, 2]
    assert run.latest.record.seen == 11
    snapshot = run.snapshot(1)
    assert snapshot.notes == ("The layer 'act' is unknown for 7 instances. It had 5 neurons at first, and has 3 now.",)
    ids = np.asarray(snapshot.instances["id"])
    assert np.array_equal(np.isnan(snapshot.activations("act")).all(1), ids >= 7)
    assert not np.isnan(snapshot.activations("head")).any()
    assert np.array_equal(np.isnan(np.array(snapshot.instances["x0"].to_pylist(), float)), ids >= 7)


def test_maps_and_sequences_may_change_their_size(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    batches = [torch.randn(7, 1, 6, 6), torch.randn(4, 1, 9, 5)]
    with ActiVisLogger(tmp_path, model, batches, layers=["0"], strict=True) as logger:
        logger.log(0)
    with torch.no_grad():
        expected = torch.cat([model[0](x).mean((2, 3)) for x in batches])
    mean = open_run(tmp_path).latest.summary("0").mean[0]
    np.testing.assert_allclose(mean, expected.mean(0), rtol=1e-4, atol=1e-5)


def test_a_module_that_is_of_another_width_in_its_second_call(tmp_path: Path) -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act, self.a, self.b = nn.ReLU(), nn.Linear(3, 5), nn.Linear(5, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.act(self.b(self.act(self.a(x))))
            return result

    model, x = Shared(), torch.randn(INSTANCES, 3)
    with ActiVisLogger(tmp_path, model, x, layers=["act", "act@1"], strict=True) as logger:
        logger.log(0)
    snapshot = open_run(tmp_path).latest
    assert [snapshot.layers[name].info.neurons for name in ("act", "act@1")] == [5, 2]
    with torch.no_grad():
        first = model.a(x).relu()
        second = model.b(first).relu()
    np.testing.assert_allclose(snapshot.summary("act").mean[0], first.mean(0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(snapshot.summary("act@1").mean[0], second.mean(0), rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_layers_without_a_neuron(tmp_path: Path) -> None:
    class Empty(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.none, self.some, self.head = nn.Linear(5, 0), nn.Linear(5, 4), nn.Linear(4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.head(torch.cat([self.none(x), self.some(x)], 1))
            return result

    x = torch.randn(INSTANCES, 5)
    with ActiVisLogger(tmp_path / "default", Empty(), x, strict=True) as logger:
        logger.log(0)
        assert [layer.name for layer in logger.layers] == ["some", "head"]
    assert open_run(tmp_path / "default").latest.record.seen == INSTANCES
    with ActiVisLogger(tmp_path / "all", Empty(), x, layers=["*"], strict=True) as logger:
        assert "none" not in [layer.name for layer in logger.layers]
    with pytest.raises(ConfigurationError, match=r"'none' \(Linear\) gives .* in which there is no neuron"):
        ActiVisLogger(tmp_path / "named", Empty(), x, layers=["none"])


def test_a_loader_that_raises_half_way(tmp_path: Path) -> None:
    x, y = instances()

    class Failing:
        fails = False

        def __iter__(self) -> Iterator[Any]:
            yield x[:7], y[:7]
            yield x[7:14], y[7:14]
            if self.fails:
                raise RuntimeError("worker 3 was killed")
            yield x[14:], y[14:]

    data, model = Failing(), nn.Sequential(nn.Linear(5, 2_000), nn.Linear(2_000, 3))
    with ActiVisLogger(tmp_path, model, data, layers=["0", "1"]) as logger:
        logger.log(0)
        before = {path.name for path in (tmp_path / "activis").iterdir()}
        data.fails = True
        with pytest.warns(ActiVisWarning, match="lost the snapshot of step 1; training goes on. .*worker 3 was killed"):
            logger.log(1)
        # Not a part of it is there: neither in the run, nor as a file.
        assert open_run(tmp_path).steps == [0]
        assert {path.name for path in (tmp_path / "activis").iterdir()} == before
        data.fails = False
        logger.log(2)
    run = open_run(tmp_path)
    assert run.steps == [0, 2]
    assert run.latest.record.seen == INSTANCES


class Squeezed(nn.Module):
    """Ends in squeeze(), which leaves a batch of one instance without any axis."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.head = nn.Linear(5, 4), nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.hidden(x).relu()).squeeze()


@pytest.mark.parametrize("size", [6, 13, 1])
@pytest.mark.parametrize("column", [False, True])
def test_a_last_batch_of_one_that_is_squeezed(tmp_path: Path, size: int, column: bool) -> None:
    torch.manual_seed(0)
    model, x = Squeezed().eval(), torch.randn(13, 5)
    y = (torch.arange(13) % 2).float()
    data = torch.utils.data.TensorDataset(x, y[:, None] if column else y)
    loader = torch.utils.data.DataLoader(data, size)
    with ActiVisLogger(tmp_path, model, loader, layers=["hidden", "head"], strict=True) as logger:
        logger.log(0)
    snapshot = open_run(tmp_path).latest
    ids = np.asarray(snapshot.instances["id"])
    assert sorted(ids) == list(range(13))
    with torch.no_grad():
        logits = model(x)
        hidden = model.hidden(x).numpy()
    losses = nn.functional.binary_cross_entropy_with_logits(logits, y, reduction="none").numpy()
    assert np.array_equal(np.array(snapshot.instances["prediction"].to_pylist()), (logits > 0).numpy()[ids])
    np.testing.assert_allclose(np.array(snapshot.instances["loss"].to_pylist()), losses[ids], atol=1e-4)
    np.testing.assert_allclose(snapshot.activations("hidden"), hidden[ids], atol=2e-3)
