"""Lightning on two processes: each logs its part, and the trainer's own loaders, strategies and directories are used."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tensorboard_activis import open_run
from tests.distributed.expected import expect_all
from tests.distributed.launch import torchrun
from tests.distributed.training import INSTANCES, Net, X

if importlib.util.find_spec("lightning") is None:
    pytest.skip("needs lightning", allow_module_level=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("lightning")
    torchrun(Path(__file__).with_name("lightning_training.py"), 2, str(where))
    return where


@pytest.mark.parametrize(
    ("strategy", "name"), [("ddp", ""), ("sharded", ""), ("own", ""), ("several", "val_0"), ("several", "val_1")]
)
def test_a_validation_on_two_processes(trained: Path, strategy: str, name: str) -> None:
    # Beside the scalars, in the version that the first process chose.
    run = open_run(trained / strategy / "lightning_logs" / "version_0" / name)
    assert run.steps == [4, 8]
    models = [Net(), Net()]
    for rank, model in enumerate(models):
        # A pass of our own has the first process's statistics everywhere, as has DistributedDataParallel.
        state = torch.load(trained / strategy / f"state-{0 if strategy == 'own' else rank}-1")[0]
        model.load_state_dict({name.removeprefix("net."): value for name, value in state.items()})
    expect_all(run.snapshot(8), models=models, prefix="net.")
    assert run.snapshot(8).record.pinned == 2
    assert len(list((trained / strategy).rglob("activis"))) == (2 if name else 1)


@pytest.mark.parametrize("strategy", ["ddp", "sharded", "own", "several"])
def test_training_is_bit_identical_with_and_without(trained: Path, strategy: str) -> None:
    for rank in range(2):
        (with_it, ends), (without, others) = (torch.load(trained / strategy / f"state-{rank}-{n}") for n in (1, 0))
        assert with_it.keys() == without.keys()
        assert all(torch.equal(with_it[name], without[name]) for name in with_it)
        assert torch.equal(ends, others)


def test_processes_that_validate_different_numbers_of_batches(trained: Path) -> None:
    snapshot = open_run(trained / "uneven-4").latest
    weights, told = torch.load(trained / "uneven-4" / "told-0")
    assert told == []
    assert snapshot.record.seen == INSTANCES
    rows = snapshot.instances["id"].to_pylist()
    expected = nn.functional.linear(X[rows], **weights).numpy()
    np.testing.assert_allclose(snapshot.activations("net.body.0"), expected, rtol=2e-3, atol=2e-4)


def test_a_process_that_validates_nothing_costs_the_snapshots_and_says_so(trained: Path) -> None:
    for rank in range(2):
        _, told = torch.load(trained / "uneven-0" / f"told-{rank}")
        assert len(told) == 1
        assert "This process made no forward pass in evaluation mode, and others did." in told[0]
    assert not list((trained / "uneven-0").rglob("*tfevents*"))
