"""`evaluation_mode` restores everything that a run of the model changes."""

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from tensorboard_activis.capture.torch.model.evaluation_mode import evaluation_mode


def test_random_states_come_back() -> None:
    generator = torch.Generator().manual_seed(5)
    model = nn.Dropout()
    rows = TensorDataset(torch.arange(9))
    loaders = (
        DataLoader(rows, shuffle=True, generator=generator),
        DataLoader(rows, batch_sampler=BatchSampler(RandomSampler(rows, generator=generator), 2, False)),
    )
    states = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state(), generator.get_state())  # type: ignore[index]  # noqa: NPY002
    with evaluation_mode(model, loaders):
        for loader in loaders:
            list(loader)
        random.random()
        np.random.rand()  # noqa: NPY002
        torch.rand(1)
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]  # type: ignore[index]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), states[2])
    assert torch.equal(generator.get_state(), states[3])


class Merging(nn.Linear):
    """Does something to its weights when its mode changes, as LoRA layers do."""

    def train(self, mode: bool = True) -> "Merging":
        raise AssertionError


def test_flags_come_back_without_calling_train() -> None:
    frozen = nn.BatchNorm1d(2)
    model = nn.Sequential(Merging(2, 2), frozen, nn.Dropout())
    frozen.eval()
    with evaluation_mode(model):
        assert not any(module.training for module in model.modules())
        assert not torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert torch.is_grad_enabled()


class Counter(nn.Module):
    """Counts its calls whatever the mode: one buffer in place, one replaced."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))
        self.register_buffer("average", torch.zeros(1))
        self.calls: torch.Tensor
        self.average: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.average = self.average * 0.9 + x.mean()
        return x


def test_buffers_come_back() -> None:
    model = Counter()
    before = model.average
    with evaluation_mode(model):
        model(torch.ones(2))
    assert model.calls.item() == 0
    assert model.average is before


def test_all_comes_back_after_a_fault() -> None:
    model = nn.Dropout()
    fast = torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(RuntimeError), evaluation_mode(model):
        model(torch.ones(2) @ torch.ones(3))
    assert model.training
    assert torch.is_grad_enabled()
    assert torch.backends.mha.get_fastpath_enabled() == fast
    assert torch.is_autocast_cache_enabled()


def test_what_a_model_caches_is_good_for_training() -> None:
    class Rotary(nn.Module):
        table: torch.Tensor | None = None

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.table is None:
                self.table = torch.arange(3.0)
            return x * self.table

    model, x = Rotary(), torch.ones(2, 3, requires_grad=True)
    with evaluation_mode(model):
        model(x)
    model(x).sum().backward()
    assert x.grad is not None
