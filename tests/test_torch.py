"""ActiVisLogger from end to end: right numbers, training untouched, faults told."""

import gc
import random
import tracemalloc
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisError, ActiVisWarning, ConfigurationError
from tensorboard_activis.torch import ActiVisLogger


class Net(nn.Module):
    """Dropout, BatchNorm and a ReLU in place: what logging could disturb."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 5, 3)
        self.norm = nn.BatchNorm2d(5)
        self.act = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(5 * 36, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.norm(self.conv(x)))
        out: torch.Tensor = self.fc(self.drop(x.flatten(1)))
        return out


@pytest.fixture
def data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(41, 1, 8, 8, generator=generator) + 3, torch.randint(0, 3, (41,), generator=generator)


def batches(data: tuple[torch.Tensor, torch.Tensor], size: int = 9, shuffle: bool = False) -> DataLoader[object]:
    """41 instances in batches of 9: the last has 5."""
    return DataLoader(TensorDataset(*data), size, shuffle=shuffle)


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
            np.testing.assert_allclose(summary.mean[row], values[members].mean(0), rtol=1e-5, atol=1e-7)
            np.testing.assert_allclose(summary.std[row], values[members].std(0), rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(summary.max[row], values[members].max(0), rtol=1e-5, atol=1e-7)
        kept = snapshot.activations(name)
        assert kept.dtype == np.float16
        assert kept.shape == (41, values.shape[1])
    # Bit for bit where nothing is summed: what the hook gives is rounded once.
    few = np.concatenate([_logits(model, data[0][start : start + 9]) for start in range(0, 41, 9)])
    assert np.array_equal(snapshot.activations("fc"), few.astype(np.float16)[order])
    assert np.array_equal(snapshot.column("prediction"), few.argmax(1)[order])
    assert snapshot.record.metrics["accuracy"] == pytest.approx((few.argmax(1) == labels).mean())
    assert snapshot.record.seen == 41


def _logits(model: nn.Module, x: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return model(x).numpy()  # type: ignore[no-any-return]


def test_what_is_known_of_layers(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    with ActiVisLogger(tmp_path, Net(), data, layers=["norm", "act", "fc"], reducer={"act": "max"}) as logger:
        norm, act, fc = logger.layers
    assert (norm.neurons, norm.reducer, norm.axis, norm.shape.sizes) == (5, "mean", 0, (-1, 5, 6, 6))
    assert norm.feeds_relu
    assert (act.reducer, act.feeds_relu) == ("max", False)
    assert (fc.neurons, fc.reducer, fc.axis) == (3, "none", 0)
    assert {layer.name for layer in logger.layers} <= {node.key for node in logger.graph.nodes}


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
    assert np.array_equal(first.activations("fc"), second.activations("fc"))
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


def test_models_in_wrappers(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    model = Net()
    wrappers: list[Any] = [torch.compile(model, backend="eager"), nn.DataParallel(model)]
    for position, wrapped in enumerate(wrappers):
        with ActiVisLogger(tmp_path / str(position), wrapped, data, strict=True) as logger:
            logger.log(0)
        assert [layer.name for layer in logger.layers] == ["act", "fc"]


def test_a_lazy_model_is_initialised_by_training_alone(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(5), nn.ReLU(), nn.LazyLinear(3))
    with ActiVisLogger(tmp_path, model, data, strict=True) as logger:
        logger.log(0)
        assert isinstance(model[1].weight, nn.UninitializedParameter)
        model(data[0])
        logger.log(1)
    assert open_run(tmp_path).snapshot(1).layers["1"].info.neurons == 5


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
    np.testing.assert_allclose(snapshot.summary("embed").mean[0], expected.mean(0), rtol=1e-5, atol=1e-7)


def test_a_regression(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1))
    x, y = torch.randn(23, 4), torch.randn(23)
    with ActiVisLogger(tmp_path, model, (x, y), strict=True) as logger:
        logger.log(0)
    snapshot = open_run(tmp_path).latest
    assert snapshot.record.task == "regression"
    assert snapshot.record.metrics["loss"] == pytest.approx(
        float(((model(x)[:, 0] - y) ** 2).mean().detach()), rel=1e-5
    )


def test_no_labels(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    for position, source in enumerate([data[0], [data[0][:20], data[0][20:]], TensorDataset(data[0])]):
        with ActiVisLogger(tmp_path / str(position), Net(), source, strict=True) as logger:
            logger.log(0)
        assert open_run(tmp_path / str(position)).latest.record.seen == 41


class Broken(TensorDataset):
    """Cannot be read to its end, once that is wanted."""

    broken = False

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        if self.broken and index > 20:
            raise OSError("the disk is gone")
        return super().__getitem__(index)


def test_a_fault_is_told_once_and_training_goes_on(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    dataset = Broken(*data)
    model = Net()
    with ActiVisLogger(tmp_path, model, DataLoader(dataset, 9)) as logger:
        logger.log(0)
        dataset.broken = True
        state = torch.get_rng_state()
        with pytest.warns(ActiVisWarning, match="snapshot of step 1; .* the disk is gone"):
            logger.log(1)
        assert model.training
        assert torch.equal(torch.get_rng_state(), state)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            logger.log(2)
        dataset.broken = False
        logger.log(3)
    assert open_run(tmp_path).steps == [0, 3]


def test_strict_raises(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    dataset = Broken(*data)
    with ActiVisLogger(tmp_path, Net(), DataLoader(dataset, 9), strict=True) as logger:
        dataset.broken = True
        with pytest.raises(OSError, match="the disk is gone"):
            logger.log(0)


def test_an_interrupt_leaves_readable_files(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    model = Net()
    with ActiVisLogger(tmp_path, model, batches(data)) as logger:
        logger.log(0)
        handle = model.fc.register_forward_hook(_interrupt)
        with pytest.raises(KeyboardInterrupt):
            logger.log(1)
        handle.remove()
        assert model.training
    assert open_run(tmp_path).steps == [0]


def _interrupt(module: nn.Module, args: object, output: object) -> None:
    raise KeyboardInterrupt


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


X = torch.rand(12, 1, 8, 8)
Y = torch.arange(12) % 3


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ([], {}, "data is empty"),
        (TensorDataset(X[:0], Y[:0]), {}, "data is empty"),
        ((X[:0], Y[:0]), {}, "data is empty"),
        ((pair for pair in [(X, Y)]), {}, r"a generator, which can be read only once.*list\(data\)"),
        (7, {}, "data must be a DataLoader"),
        ((X, Y[:5]), {}, "12 inputs and 5 labels"),
        ((X, Y + 0.5), {}, "Labels must be whole numbers"),
        ((X, Y + 1), {}, "There is a label 3, but the model tells 3 classes apart"),
        ((X, ["a"] * 12), {}, "Labels are texts .*class_names is needed"),
        ((X, ["d"] * 12), {"class_names": ["a", "b", "c"]}, "label 'd', which is none of class_names"),
        ((X, Y), {"class_names": ["a", "b"]}, "class_names has 2 names, but the model gives 3 scores"),
        (
            (X[:, :, :7], Y),
            {},
            r"forward pass failed on the first batch of data, in fc \(Linear\), which got \(12, 150\)",
        ),
        ([("a", "b")], {}, "A batch of data holds no tensor"),
        ([(X, X, X, Y)], {}, "which of it are the labels cannot be told"),
        ([(X, Y[:5])], {}, "A batch has 5 labels, but inputs of shape"),
        ((X, Y), {"layers": ["cnv"]}, "'cnv' matches none .* Near: conv"),
        ((X, Y), {"reducer": "median"}, "reducer must be one of"),
        ((X, Y), {"reducer": {"nothing": "max"}}, "'nothing' matches none"),
        ((X, Y), {"sample": 0}, "sample must be"),
        ((X, Y), {"unpack": lambda batch: batch[0]}, r"unpack must return \(inputs, labels\)"),
        ((X, Y), {"unpack": 3}, "unpack must be a function"),
    ],
)
def test_bad_input_is_refused_before_training(
    tmp_path: Path, source: object, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ActiVisLogger(tmp_path, Net(), source, **options)  # type: ignore[arg-type]
    ActiVisLogger(tmp_path, Net(), (X, Y)).close()  # the directory is free again


def test_other_bad_models(tmp_path: Path) -> None:
    scripted: Any = torch.nn.Sequential(nn.Linear(3, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(scripted)
    with pytest.raises(ConfigurationError, match="model is a ScriptModule"):
        ActiVisLogger(tmp_path, scripted, X)
    with pytest.raises(ConfigurationError, match="model must be a torch.nn.Module"):
        ActiVisLogger(tmp_path, "resnet18", X)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="meta device"):
        ActiVisLogger(tmp_path, Net().to("meta"), X)


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


def test_dropped_instances_are_told(tmp_path: Path) -> None:
    loader = DataLoader(TensorDataset(X, Y), 5, drop_last=True)
    with pytest.warns(ActiVisWarning, match="2 of its 12 instances are in no snapshot"):
        ActiVisLogger(tmp_path, Net(), loader).close()


def test_a_layer_that_vanishes_costs_a_snapshot(tmp_path: Path) -> None:
    class Branches(nn.Module):
        skip = False

        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.b(x.repeat(1, 2)[:, :4] if self.skip else self.a(x))
            return out

    model = Branches()
    with ActiVisLogger(tmp_path, model, torch.randn(7, 3), layers=["a", "b"], strict=True) as logger:
        model.skip = True
        with pytest.raises(ActiVisError, match="'a' did not run"):
            logger.log(0)


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
    np.testing.assert_allclose(open_run(tmp_path / "run").latest.summary("fc").mean[0], expected, rtol=1e-4, atol=1e-6)


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
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True) if a is not None and b is not None)
