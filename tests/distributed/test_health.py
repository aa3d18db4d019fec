"""Training health and `train_data=` on two processes, against one that has all of the data."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from tensorboard_activis import open_run
from tests.distributed.health_training import INSTANCES, KINDS, STEPS, Net, X, Y
from tests.distributed.launch import torchrun

#: Of what is stored: the upper 16 bits of float32.
DIGITS = 2.0**-8


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("health")
    torchrun(Path(__file__).with_name("health_training.py"), 2, str(where))
    return where


def norm(tensors: list[torch.Tensor]) -> float:
    return float(torch.cat([each.detach().ravel() for each in tensors]).norm())


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_and_updates_are_those_of_the_whole_batch(two: Path, kind: str) -> None:
    health = open_run(two / f"{kind}-1").health
    assert health.steps.tolist() == list(range(STEPS))
    tolerance = 0.03 if kind == "mixed" else DIGITS
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    for step, (x, y) in enumerate(zip(X, Y, strict=True)):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        # Activations are those of the first process's half.
        half = x[: INSTANCES // 2]
        expected = {"fc1": model.fc1(half), "fc2": model.fc2(F.relu(model.fc1(half)))}
        for name, outputs in expected.items():
            layer = getattr(model, name)
            before = [one.detach().clone() for one in layer.parameters()]
            gradients = [one.grad for one in layer.parameters()]
            assert health.of("gradient_norm", name)[step] == pytest.approx(norm(gradients), rel=tolerance)
            ratio = 0.5 * norm(gradients) / norm(before)
            assert health.of("update_ratio", name)[step] == pytest.approx(ratio, rel=tolerance)
            rms = outputs.square().mean().sqrt().item()
            assert health.of("activation_rms", name)[step] == pytest.approx(rms, rel=tolerance)
        optimizer.step()


@pytest.mark.parametrize("kind", KINDS)
def test_training_is_the_same_with_and_without(two: Path, kind: str) -> None:
    for rank in range(2):
        one, other = (torch.load(two / f"{kind}-{health}" / f"state-{rank}") for health in (1, False))
        assert one.keys() == other.keys() > set()
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert open_run(two / f"{kind}-1").steps == [STEPS]


def test_parameters_that_are_spread_over_processes_are_refused(two: Path) -> None:
    first, second = ((two / f"said-{rank}").read_text().splitlines() for rank in range(2))
    assert first[0].startswith("health= cannot be measured where parameters are sharded over several processes")
    assert "health= cannot be measured" in second[0]
    # Spread after the logger was made: training goes on.
    assert [line for line in first[1:] if line.startswith("ActiVis measures no training health. health= cannot")]
    assert len([line for line in first + second if "measures no training health" in line]) == 1


@pytest.mark.parametrize("name", ["dealt", "whole", "parts", "watched"])
def test_evaluation_instances_in_the_training_data(two: Path, name: str) -> None:
    run = open_run(two / name)
    table = run.latest.instances
    rows = dict(
        zip(
            table["id"].to_pylist(),
            zip(table["in_training"].to_pylist(), table["training_row"].to_pylist(), strict=True),
            strict=True,
        )
    )
    in_part = {50: 20, 3: 3, 11: 11} if name == "parts" else {}
    expected = {5: ("same", in_part.get(50, 50)), 6: ("same", 3), 37: ("near", 11)}
    assert {id_: each for id_, each in rows.items() if each[0] != "no"} == expected
    assert len(rows) == 40
    assert run.latest.record.training is not None
    assert run.latest.record.training.instances == 60
    (found,) = [one for one in run.findings() if one.kind == "duplicates"]
    assert found.title == "3 evaluation instances are in the training data"
    assert sorted(table["id"][index].as_py() for index in found.instances) == [5, 6, 37]
    assert "2 of 40" in found.sentence
    assert "60 training instances" in found.sentence
