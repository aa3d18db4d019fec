"""Odd networks are recorded right: every layer against plain hooks, by id, whatever sizes coincide."""

from pathlib import Path

import pytest
import torch

from tests.zoo.comparison import Specimen, check_layers
from tests.zoo.odd_models import LOST, ODD


def specimen(name: str, width: int, heads: int, length: int, instances: int) -> Specimen:
    torch.manual_seed(0)
    model = ODD[name](width, heads, length).eval()
    return Specimen(
        model, {"x": torch.randn(instances, length, width)}, lost=LOST.get(name, ""), options={"task": "none"}
    )


def test_how_many_there_are() -> None:
    assert len(ODD) >= 20


@pytest.mark.parametrize("name", ODD)
def test_sizes_that_differ(tmp_path: Path, name: str) -> None:
    check_layers(tmp_path, specimen(name, width=12, heads=3, length=6, instances=11), [5], default=True)


@pytest.mark.parametrize("name", ODD)
def test_eleven_positions(tmp_path: Path, name: str) -> None:
    """As many as the instances of the pass that records the graph may be."""
    check_layers(tmp_path, specimen(name, width=12, heads=3, length=11, instances=23), [22])


@pytest.mark.parametrize("name", ODD)
def test_sizes_that_coincide(tmp_path: Path, name: str) -> None:
    """Batch, width, heads and length are 8."""
    check_layers(tmp_path, specimen(name, width=8, heads=8, length=8, instances=9), [8, 3])
