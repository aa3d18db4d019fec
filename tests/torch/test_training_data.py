"""`train_data=`: evaluation instances that are in the training data, from every face for PyTorch, without a trace in training."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from tensorboard_activis import open_run
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.torch import ActiVisLogger


class Drawing(Dataset):
    """Draws random numbers for every instance, and counts what is read."""

    def __init__(self, x: torch.Tensor) -> None:
        self.x, self.read = x, 0

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        self.read += 1
        torch.rand(1)
        random.random()
        return self.x[index], 0


def data() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Training inputs, evaluation inputs of which 5, 6 and 7 are in it (7 nearly), and labels."""
    generator = torch.Generator().manual_seed(0)
    train, evaluation = torch.rand(90, 6, generator=generator), torch.rand(40, 6, generator=generator)
    evaluation[5:8] = train[[70, 3, 11]]
    evaluation[7] += 1e-3
    return train, evaluation, torch.arange(40) % 3


def logged(where: Path, train_data: Any, model: nn.Module | None = None) -> Any:
    _, evaluation, labels = data()
    model = model or nn.Linear(6, 3)
    with ActiVisLogger(where, model, (evaluation, labels), train_data=train_data, strict=True) as logger:
        logger.log(0)
    return open_run(where)


def check(run: Any) -> None:
    (found,) = [one for one in run.findings() if one.kind == "duplicates"]
    table = run.latest.instances
    ids, rows = table["id"].to_numpy(), table["training_row"].to_pylist()
    assert {int(ids[i]): rows[i] for i in found.instances} == {5: 70, 6: 3, 7: 11}
    assert found.title == "3 evaluation instances are in the training data"
    assert found.sentence.startswith(
        "2 of 40 evaluation instances are also in the training data, input by input, and 1 more nearly "
        "(90 training instances were looked at)."
    )
    assert sorted(ids[run.latest.where(found.subset)]) == [5, 6, 7]
    assert (found.p, found.strength) == (None, 3 / 40)


@pytest.mark.parametrize(
    "form",
    [
        lambda x, y: (x, y),
        lambda x, y: TensorDataset(x, y),
        lambda x, y: DataLoader(TensorDataset(x, y), 16),
        lambda x, y: [(x[:50], y[:50]), (x[50:], y[50:])],
        lambda x, y: [{"input": x, "label": y}],
    ],
)
def test_forms_of_training_data(tmp_path: Path, form: Any) -> None:
    train = data()[0]
    check(logged(tmp_path, form(train, torch.zeros(90, dtype=torch.int64))))


def test_it_is_read_once_in_order_without_a_trace(tmp_path: Path) -> None:
    dataset = Drawing(data()[0])
    generator = torch.Generator().manual_seed(4)
    loader = DataLoader(dataset, 16, shuffle=True, generator=generator)
    model = nn.Linear(6, 3)
    before = torch.get_rng_state(), random.getstate(), generator.get_state()
    run = logged(tmp_path, loader, model=model)
    assert dataset.read == 90
    check(run)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert torch.equal(generator.get_state(), before[2])


def test_a_stateful_stream_keeps_its_state(tmp_path: Path) -> None:
    class Stream(IterableDataset):
        def __init__(self) -> None:
            self.position = 2

        def __iter__(self) -> Any:
            while self.position < 90:
                self.position += 1
                yield data()[0][self.position - 1], 0

        def state_dict(self) -> dict[str, int]:
            return {"position": self.position}

        def load_state_dict(self, state: dict[str, int]) -> None:
            self.position = state["position"]

    stream = Stream()
    run = logged(tmp_path, DataLoader(stream, 8))
    assert stream.position == 2
    assert run.latest.record.training.instances == 88


def test_a_watched_evaluation(tmp_path: Path) -> None:
    train, evaluation, labels = data()
    model = nn.Linear(6, 3).eval()
    with ActiVisLogger(tmp_path, model, train_data=[train], strict=True) as logger, logger.watch(3) as watched:
        for part in (slice(0, 25), slice(25, 40)):
            model(evaluation[part])
            watched.batch(labels=labels[part])
    check(open_run(tmp_path))


def test_nothing_in_common(tmp_path: Path) -> None:
    run = logged(tmp_path, [torch.rand(30, 6) + 5])
    assert [one for one in run.findings() if one.kind == "duplicates"] == []
    assert set(run.latest.instances["in_training"].to_pylist()) == {"no"}


@pytest.mark.parametrize(
    ("train_data", "message"),
    [
        (iter([torch.zeros(3, 6)]), "train_data: .*again"),
        ([], "train_data holds no instances"),
        (7, "train_data"),
        (DataLoader([1 / 2, None]), "train_data cannot be read: TypeError"),  # type: ignore[arg-type]
    ],
)
def test_training_data_that_cannot_be_used(tmp_path: Path, train_data: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        logged(tmp_path, train_data)
