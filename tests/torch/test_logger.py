"""ActiVisLogger from end to end: right numbers, whatever the model, its wrappers and the data."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.network import Net, X, Y, batches


def test_numbers_agree_with_plain_hooks_and_numpy(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    model = Net()
    with ActiVisLogger(tmp_path, model, batches(data), layers=["conv", "norm", "act", "fc"], strict=True) as logger:
        logger.log(3)
    model.eval()
    raw: dict[str, np.ndarray] = {}
    for name in ("conv", "norm", "act", "fc"):
        model.get_submodule(name).register_forward_hook(
            lambda module, args, out, name=name: raw.update({name: out.detach().clone().numpy()})
        )
    with torch.no_grad():
        model(data[0])
    snapshot = open_run(tmp_path).snapshot(3)
    labels = data[1].numpy()
    order = np.asarray(snapshot.instances["id"])
    for name, values in raw.items():
        values = values.mean((2, 3), dtype=np.float64) if values.ndim == 4 else values.astype(np.float64)
        summary = snapshot.summary(name)
        assert summary.subsets[:4] == ("all", "0", "1", "2")
        for row, members in enumerate([labels >= 0, labels == 0, labels == 1, labels == 2]):
            assert summary.count[row, 0] == members.sum()
            # Sums of inputs of about 3.5, in batches of 9 here and of 41 there.
            close: dict[str, Any] = {"rtol": 1e-4, "atol": 3e-5}
            np.testing.assert_allclose(summary.mean[row], values[members].mean(0), **close)
            np.testing.assert_allclose(summary.std[row], values[members].std(0), **close)
            np.testing.assert_allclose(summary.max[row], values[members].max(0), **close)
        stored = snapshot.activations(name)
        assert stored.dtype == np.float16
        assert stored.shape == (41, values.shape[1])
    # Bit for bit where nothing is summed: what the hook gives is rounded once.
    few = np.concatenate([_logits(model, data[0][start : start + 9]) for start in range(0, 41, 9)])
    assert np.array_equal(snapshot.activations("fc"), few.astype(np.float16)[order])
    assert np.array_equal(snapshot.column("prediction"), few.argmax(1)[order])
    assert snapshot.record.metrics["accuracy"] == pytest.approx((few.argmax(1) == labels).mean())
    assert snapshot.record.seen == 41


def _logits(model: nn.Module, x: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return model(x).numpy()


def test_what_is_known_of_layers(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    with ActiVisLogger(tmp_path, Net(), data, layers=["norm", "act", "fc"], reducer={"act": "max"}) as logger:
        norm, act, fc = logger.layers
    assert (norm.neurons, norm.reducer, norm.axis, norm.shape.sizes) == (5, "mean", 0, (-1, 5, 6, 6))
    assert norm.feeds_relu
    assert (act.reducer, act.feeds_relu) == ("max", False)
    assert (fc.neurons, fc.reducer, fc.axis) == (3, "none", 0)
    assert {layer.name for layer in logger.layers} <= {node.key for node in logger.graph.nodes}


def test_ids_are_stable_when_the_loader_shuffles(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    inputs = data[0].clone()
    inputs[5] = inputs[4]  # the same content twice
    with ActiVisLogger(
        tmp_path, Net().eval(), batches((inputs, data[1]), shuffle=True), sample=20, strict=True
    ) as logger:
        logger.log(0)
        torch.manual_seed(123)
        logger.log(1)
    first, second = open_run(tmp_path).snapshot(0), open_run(tmp_path).snapshot(1)
    assert first.instances["id"].to_pylist() == second.instances["id"].to_pylist()
    # In another batch the last bit may be another.
    np.testing.assert_allclose(first.activations("fc"), second.activations("fc"), rtol=2**-9, atol=1e-5)
    assert first.record.seen == 41


def test_ids_count_where_the_order_is_fixed(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    for position, source in enumerate([data, batches(data), list(batches(data)), TensorDataset(*data)]):
        with ActiVisLogger(tmp_path / str(position), Net(), source, strict=True) as logger:
            logger.log(0)
        ids = open_run(tmp_path / str(position)).latest.instances["id"].to_pylist()
        assert sorted(ids) == list(range(41))


def test_images_come_out_as_they_went_in(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    with ActiVisLogger(tmp_path, Net(), data, class_names=["a", "b", "c"], strict=True) as logger:
        logger.log(0)
    table = open_run(tmp_path).latest.instances
    assert "image" in table.column_names
    assert set(table["label"].to_pylist()) <= {"a", "b", "c"}


def test_models_in_wrappers(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    model = Net()
    wrappers: list[Any] = [torch.compile(model, backend="eager"), nn.DataParallel(model)]
    for position, wrapped in enumerate(wrappers):
        with ActiVisLogger(tmp_path / str(position), wrapped, data, strict=True) as logger:
            logger.log(0)
        assert [layer.name for layer in logger.layers] == ["act", "fc"]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_inputs_take_the_type_of_the_model(
    tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor], dtype: torch.dtype
) -> None:
    with ActiVisLogger(tmp_path, Net().to(dtype), data, strict=True) as logger:
        logger.log(0)
    assert open_run(tmp_path).latest.record.seen == 41


class TextModel(nn.Module):
    """Embeds tokens and averages them over the mask, as a Hugging Face model would."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 6)
        self.lstm = nn.LSTM(6, 5, batch_first=True)
        self.head = nn.Linear(5, 2)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> dict[str, torch.Tensor]:
        states, _ = self.lstm(self.embed(input_ids))
        return {"logits": self.head(states[:, -1])}


def test_dicts_and_masks(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, 11, (13, 4), generator=generator)
    mask = torch.ones(13, 4, dtype=torch.int64)
    mask[::2, :2] = 0
    labels = torch.randint(0, 2, (13,), generator=generator)
    whole = {"input_ids": ids, "attention_mask": mask, "labels": labels, "unused": torch.zeros(13)}
    model = TextModel()
    with ActiVisLogger(tmp_path, model, whole, layers=["embed", "lstm[0]", "head"], strict=True) as logger:
        logger.log(0)
    snapshot = open_run(tmp_path).latest
    assert snapshot.record.task == "classification"
    with torch.no_grad():
        embedded = model.embed(ids)
    expected = torch.stack([embedded[row][mask[row] > 0].mean(0) for row in range(13)])
    np.testing.assert_allclose(snapshot.summary("embed").mean[0], expected.mean(0), rtol=1e-5, atol=1e-5)


def test_a_regression(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1))
    x, y = torch.randn(23, 4), torch.randn(23)
    with ActiVisLogger(tmp_path, model, (x, y), strict=True) as logger:
        logger.log(0)
    snapshot = open_run(tmp_path).latest
    assert snapshot.record.task == "regression"
    assert snapshot.record.metrics["loss"] == pytest.approx(
        float(((model(x)[:, 0] - y) ** 2).mean().detach()), rel=1e-5, abs=1e-5
    )


def test_no_labels(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    for position, source in enumerate([data[0], [data[0][:20], data[0][20:]], TensorDataset(data[0])]):
        with ActiVisLogger(tmp_path / str(position), Net(), source, strict=True) as logger:
            logger.log(0)
        assert open_run(tmp_path / str(position)).latest.record.seen == 41


class Stream(IterableDataset[tuple[torch.Tensor, int]]):
    """Without a length."""

    def __iter__(self) -> Iterator[tuple[torch.Tensor, int]]:
        generator = torch.Generator().manual_seed(0)
        for index in range(11):
            yield torch.rand(1, 8, 8, generator=generator), index % 3


def test_a_stream_without_length(tmp_path: Path) -> None:
    with ActiVisLogger(tmp_path, Net(), DataLoader(Stream(), 4), progress=True, strict=True) as logger:
        logger.log(0)
    assert open_run(tmp_path).latest.record.seen == 11


def test_a_batch_of_three(tmp_path: Path) -> None:
    class Towers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.user = nn.Embedding(9, 5)
            self.item = nn.Linear(3, 5)

        def forward(self, user: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
            return (self.user(user) * self.item(item)).sum(-1)

    rows = TensorDataset(torch.arange(9), torch.randn(9, 3), torch.randn(9))
    with ActiVisLogger(tmp_path, Towers(), DataLoader(rows, 4), layers=["user", "item"], strict=True) as logger:
        logger.log(0)
    assert open_run(tmp_path).latest.record.task == "regression"


def test_labels_as_texts_floats_and_one_hot(tmp_path: Path) -> None:
    texts = [["a", "b", "c"][label] for label in Y.tolist()]
    for position, labels in enumerate([texts, Y.float(), nn.functional.one_hot(Y), Y[:, None], Y.numpy()]):
        with ActiVisLogger(
            tmp_path / str(position), Net(), (X, labels), class_names=["a", "b", "c"], strict=True
        ) as logger:
            logger.log(0)
        table = open_run(tmp_path / str(position)).latest.instances
        named = dict(zip(table["id"].to_pylist(), table["label"].to_pylist(), strict=True))
        assert [named[index] for index in range(12)] == texts


def test_distributed_data_parallel(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    address = f"file://{tmp_path}/store"
    torch.distributed.init_process_group("gloo", init_method=address, rank=0, world_size=1)
    try:
        model = Net()
        wrapped = nn.parallel.DistributedDataParallel(model)
        with ActiVisLogger(tmp_path / "run", wrapped, data, layers=["act", "fc"], strict=True) as logger:
            wrapped(data[0]).sum().backward()
            logger.log(0)
            expected = _logits(model.eval(), data[0]).mean(0)
            wrapped(data[0]).sum().backward()
    finally:
        torch.distributed.destroy_process_group()
    np.testing.assert_allclose(open_run(tmp_path / "run").latest.summary("fc").mean[0], expected, rtol=1e-4, atol=1e-5)
