"""Networks of the blocks of torchvision and timm are recorded right: every layer against plain hooks, by id."""

from pathlib import Path

import pytest
import torch

from tests.zoo.comparison import Specimen, check_layers
from tests.zoo.vision_models import VISION


def specimen(name: str, width: int, heads: int, side: int, instances: int) -> Specimen:
    torch.manual_seed(0)
    model = VISION[name](width, heads, side).eval()
    argument = "input" if isinstance(model, torch.nn.Sequential) else "x"
    return Specimen(model, {argument: torch.randn(instances, 3, side, side)})


def test_how_many_there_are() -> None:
    assert len(VISION) >= 20


@pytest.mark.parametrize("name", VISION)
def test_sizes_that_differ(tmp_path: Path, name: str) -> None:
    check_layers(tmp_path, specimen(name, width=12, heads=3, side=10, instances=11), [5], default=True)


@pytest.mark.parametrize("name", VISION)
def test_sizes_that_coincide(tmp_path: Path, name: str) -> None:
    """Batch, width, heads, height and width of the image are 8."""
    check_layers(tmp_path, specimen(name, width=8, heads=8, side=8, instances=9), [8, 3])
