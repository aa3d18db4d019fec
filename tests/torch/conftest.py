"""Fixtures of the tests of the PyTorch logger."""

import pytest
import torch


@pytest.fixture
def data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(41, 1, 8, 8, generator=generator) + 3, torch.randint(0, 3, (41,), generator=generator)
