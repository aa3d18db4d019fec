"""Logging does not change training: weights and random numbers are the same with and without it."""

import gc
import pickle
import random
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.network import Net, batches


def train(
    data: tuple[torch.Tensor, torch.Tensor], log_dir: Path | None, autocast: bool = False
) -> dict[str, torch.Tensor]:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the global state is what could be disturbed
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    loader = batches(data, shuffle=True)
    logger = None
    # The very loader that trains, so that its generator is at stake as well.
    if log_dir is not None:
        logger = ActiVisLogger(log_dir, model, loader, layers=["*", "/flatten"], strict=True)
    for epoch in range(3):
        model.train()
        for step, (x, y) in enumerate(loader):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                noise = random.random() * np.random.rand()  # noqa: NPY002
                loss = nn.functional.cross_entropy(model(x + noise), y)
                if logger is not None:
                    logger.log(epoch * 100 + step)
            loss.backward()
            optimizer.step()
        assert model.training
        assert model.drop.training
    if logger is not None:
        logger.close()
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def drawing(batch: list[torch.Tensor]) -> list[float]:
    """A number per instance, from all generators."""
    return [random.random() + np.random.rand() + float(torch.rand(())) for _ in batch[0]]  # noqa: NPY002


def states() -> list[bytes]:
    """Of all generators."""
    numpy = np.random.get_state()  # noqa: NPY002
    return [pickle.dumps(state) for state in (random.getstate(), numpy, torch.get_rng_state().tolist())]


@pytest.mark.parametrize("function", ["unpack", "texts", "id", "columns"])
def test_functions_of_a_batch_may_draw_random_numbers(
    tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor], function: str
) -> None:
    """Also where the data themselves draw none: batches in a list, whose reading and metadata need no guard otherwise."""
    functions: dict[str, Any] = {
        "unpack": lambda batch: (drawing(batch), batch)[1],
        "texts": lambda batch: [str(number) for number in drawing(batch)],
        "id": lambda batch: [str(number) for number in drawing(batch)],
        "columns": lambda batch: {"noise": drawing(batch)},
    }
    logger = ActiVisLogger(tmp_path, Net(), list(batches(data)), strict=True, **{function: functions[function]})
    before = states()
    logger.log(1)
    logger.close()
    assert states() == before


@pytest.mark.parametrize("autocast", [False, True])
def test_training_is_bit_for_bit_the_same(
    tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor], autocast: bool
) -> None:
    plain = train(data, None, autocast)
    logged = train(data, tmp_path, autocast)
    for name, tensor in plain.items():
        assert torch.equal(tensor, logged[name]), name


def test_flags_gradients_and_hooks_are_as_before(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    model = Net()
    model.train()
    model.norm.eval()  # frozen, as in fine-tuning
    with ActiVisLogger(tmp_path, model, data, strict=True) as logger:
        logger.log(0)
        assert torch.is_grad_enabled()
    assert model.training
    assert not model.norm.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(not module._forward_hooks for module in model.modules())


def test_no_memory_grows_from_snapshot_to_snapshot(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    with ActiVisLogger(tmp_path, Net(), data, strict=True) as logger:
        for step in range(5):
            logger.log(step)
        gc.collect()
        before = sum(issubclass(type(found), torch.Tensor) for found in gc.get_objects())
        tracemalloc.start()
        start = tracemalloc.get_traced_memory()[0]
        for step in range(5, 55):
            logger.log(step)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - start
        tracemalloc.stop()
        after = sum(issubclass(type(found), torch.Tensor) for found in gc.get_objects())
    assert after <= before
    assert grown < 200_000  # one batch of activations is more


def test_a_lazy_model_is_initialised_by_training_alone(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(5), nn.ReLU(), nn.LazyLinear(3))
    with ActiVisLogger(tmp_path, model, data, strict=True) as logger:
        logger.log(0)
        assert isinstance(model[1].weight, nn.UninitializedParameter)
        model(data[0])
        logger.log(1)
    assert open_run(tmp_path).snapshot(1).layers["2"].neurons == 5


def test_parameters_are_not_kept_in_a_graph(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Logging between a forward and a backward pass of the same step leaves the gradients as they are."""
    gradients = []
    for log in (False, True):
        torch.manual_seed(0)
        model = Net()
        with ActiVisLogger(tmp_path / str(log), model, data, strict=True) as logger:
            loss = nn.functional.cross_entropy(model(data[0]), data[1])
            if log:
                logger.log(0)
            loss.backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    for plain, logged in zip(*gradients, strict=True):
        assert plain is not None
        assert logged is not None
        assert torch.equal(plain, logged)


def test_nothing_that_is_logged_has_a_gradient(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Not even where the user's own hooks look, and no tensor of a graph is left behind."""
    model, seen = Net(), []
    model.fc.register_forward_hook(lambda module, args, output: seen.append(output.requires_grad))
    with ActiVisLogger(tmp_path, model, data, strict=True) as logger:
        gc.collect()
        before = sum(_has_graph(found) for found in gc.get_objects())
        logger.log(0)
        gc.collect()
        assert sum(_has_graph(found) for found in gc.get_objects()) == before
    assert seen
    assert not any(seen)


def _has_graph(found: object) -> bool:
    return issubclass(type(found), torch.Tensor) and found.grad_fn is not None  # type: ignore[attr-defined]


@pytest.mark.parametrize(("progress", "shown"), [(None, False), (False, False), (True, True)])
def test_the_progress_bar_is_quiet_where_nobody_looks(
    tmp_path: Path,
    data: tuple[torch.Tensor, torch.Tensor],
    capsys: pytest.CaptureFixture[str],
    progress: bool | None,
    shown: bool,
) -> None:
    """What pytest captures is no terminal, as in a batch job: a bar would fill the log."""
    with ActiVisLogger(tmp_path, Net(), batches(data), progress=progress, strict=True) as logger:
        logger.log(0)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("ActiVis" in err) == shown
    if not shown:
        assert err == ""


def test_the_progress_bar_shows_itself_on_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow:
        def __iter__(self):
            for _ in range(3):
                time.sleep(0.6)  # a pass of less than a second needs no bar
                yield torch.ones(7, 1, 8, 8)

    with ActiVisLogger(tmp_path, Net(), Slow(), strict=True) as logger:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        logger.log(0)
    assert "ActiVis" in capsys.readouterr().err
