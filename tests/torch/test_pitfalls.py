"""Models that are difficult for hooks: logged activations are those of plain forward passes."""

import copy
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

from tensorboard_activis import open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.torch import ActiVisLogger

INSTANCES = 23


def logged(path: Path, model: nn.Module, data: Any, *layers: str, **options: Any) -> SnapshotReader:
    with ActiVisLogger(path, model, data, layers=layers or None, strict=True, **options) as logger:
        logger.log(0)
    return open_run(path).latest


def close(snapshot: SnapshotReader, layer: str, expected: torch.Tensor, rtol: float = 1e-4) -> None:
    """The means over all instances, and each single instance as float16 has it."""
    values = expected.detach().double().numpy()
    np.testing.assert_allclose(snapshot.summary(layer).mean[0], values.mean(0), rtol=rtol, atol=1e-5)
    order = np.asarray(snapshot.instances["id"])
    np.testing.assert_allclose(snapshot.activations(layer), values[order], rtol=max(rtol, 2e-3), atol=1e-3)


def masked_mean(values: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    return torch.stack([row[mask].mean(0) for row, mask in zip(values, real, strict=True)])


def test_an_encoder_with_a_padding_mask(tmp_path: Path) -> None:
    """torch would leave sub-modules out and pass nested tensors on: not while logging, and the mean is over what is real."""

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=True)

        def forward(self, src: torch.Tensor, src_key_padding_mask: torch.Tensor) -> torch.Tensor:
            return self.encoder(src, src_key_padding_mask=src_key_padding_mask)[:, 0]

    model = Encoder().eval()
    src = torch.randn(INSTANCES, 5, 6)
    padding = torch.arange(5) >= torch.randint(1, 6, (INSTANCES, 1))
    data = {"src": src, "src_key_padding_mask": padding}
    snapshot = logged(tmp_path, model, data, "encoder.layers.0.linear1", "encoder.layers.0", "encoder.layers.1")
    with torch.no_grad():
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            inner = model.encoder.layers[0](src, src_key_padding_mask=padding)
            outer = model.encoder.layers[1](inner, src_key_padding_mask=padding)
            block = model.encoder.layers[0]
            hidden = block.linear1(block.norm1(src + block._sa_block(src, None, padding)))
        finally:
            torch.backends.mha.set_fastpath_enabled(True)
    close(snapshot, "encoder.layers.0", masked_mean(inner, ~padding))
    close(snapshot, "encoder.layers.1", masked_mean(outer, ~padding))
    close(snapshot, "encoder.layers.0.linear1", masked_mean(hidden, ~padding))


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.Sequential(nn.Linear(4, 6), nn.ReLU(inplace=True)), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.head(self.inner(x))
        return result


@pytest.mark.parametrize("how", ["before", "after", "in place, before", "in place, after", "inside, before"])
def test_compiled_before_and_after_the_logger(tmp_path: Path, how: str) -> None:
    model, x = Small(), torch.randn(INSTANCES, 4)
    given: Any = model
    if how == "before":
        given = torch.compile(model, backend="eager")
        given(x)
    elif how == "in place, before":
        model.compile(backend="eager")
        model(x)
    elif how == "inside, before":
        model.inner = torch.compile(model.inner, backend="eager")  # type: ignore[assignment]
        model(x)
    with ActiVisLogger(tmp_path, given, x, layers=["inner.0", "inner", "head"], strict=True) as logger:
        if how == "after":
            torch.compile(model, backend="eager")(x)
        elif how == "in place, after":
            model.compile(backend="eager")
            model(x)
        logger.log(0)
        model(x).sum().backward()  # and it trains on, compiled
    snapshot = open_run(tmp_path).latest
    plain = copy.deepcopy(getattr(model.inner, "_orig_mod", model.inner))
    close(snapshot, "inner.0", plain[0](x))
    close(snapshot, "inner", plain(x))
    close(snapshot, "head", model.head(plain(x)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_under_autocast(tmp_path: Path, dtype: torch.dtype) -> None:
    """The mean is taken in float32 of what the layer gave in half precision, where a sum would leave float16's range."""
    model = nn.Sequential(nn.Conv2d(3, 5, 1), nn.Flatten(), nn.Linear(5 * 400, 2)).eval()
    x = torch.randn(INSTANCES, 3, 20, 20) + 300
    with torch.autocast("cpu", dtype=dtype):
        snapshot = logged(tmp_path, model, x, "0", "2")
        with torch.no_grad():
            raw = model[0](x)
    assert raw.dtype == dtype
    close(snapshot, "0", raw.double().mean((2, 3)), rtol=1e-5)
    assert snapshot.layers["2"].info.shape.dtype == str(dtype).removeprefix("torch.")


class ChannelsLast(nn.Module):
    """As ConvNeXt: neurons are the last axis between two permutations, and there are as many of them as positions."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(6, 6, 3, padding=1, groups=6), nn.LayerNorm(6)
        self.wide, self.act, self.narrow = nn.Linear(6, 12), nn.GELU(), nn.Linear(12, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return x + self.narrow(self.act(self.wide(y))).permute(0, 3, 1, 2)


def test_neurons_of_a_block_with_channels_last(tmp_path: Path) -> None:
    model, x = nn.Sequential(ChannelsLast()).eval(), torch.randn(INSTANCES, 6, 6, 6)
    snapshot = logged(tmp_path, model, x, "0.depthwise", "0.norm", "0.act", "0.narrow", "0/add", "0")
    block: Any = model[0]
    depth = block.depthwise(x)
    norm = block.norm(depth.permute(0, 2, 3, 1))
    act = block.act(block.wide(norm))
    narrow = block.narrow(act)
    close(snapshot, "0.depthwise", depth.mean((2, 3)))
    close(snapshot, "0.norm", norm.mean((1, 2)))
    close(snapshot, "0.act", act.mean((1, 2)))
    close(snapshot, "0.narrow", narrow.mean((1, 2)))
    total = x + narrow.permute(0, 3, 1, 2)
    close(snapshot, "0/add", total.mean((2, 3)))
    close(snapshot, "0", total.mean((2, 3)))
    assert [snapshot.layers[name].info.axis for name in ("0.depthwise", "0.norm", "0.act", "0")] == [0, 2, 2, 0]


def test_neurons_over_tokens_and_over_time(tmp_path: Path) -> None:
    """All are [instances, 6, 6]: only what came before says where the neurons are."""

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.over_tokens, self.gelu = nn.Linear(6, 6), nn.GELU()
            self.over_time, self.tanh = nn.Conv1d(6, 6, 1), nn.Tanh()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.gelu(self.over_tokens(x)).transpose(1, 2)
            result: torch.Tensor = self.tanh(self.over_time(x))
            return result

    model, x = Both().eval(), torch.randn(INSTANCES, 6, 6)
    snapshot = logged(tmp_path, model, x, "over_tokens", "gelu", "over_time", "tanh")
    tokens = model.over_tokens(x)
    time = model.over_time(functional.gelu(tokens).transpose(1, 2))
    close(snapshot, "over_tokens", tokens.mean(1))
    close(snapshot, "gelu", functional.gelu(tokens).mean(1))
    close(snapshot, "over_time", time.mean(2))
    close(snapshot, "tanh", time.tanh().mean(2))


def test_channels_last_memory(tmp_path: Path) -> None:
    model: Any = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU()).eval()
    model.to(memory_format=torch.channels_last)
    x = torch.randn(INSTANCES, 3, 6, 7).to(memory_format=torch.channels_last)
    close(logged(tmp_path, model, x, "0"), "0", model[0](x).mean((2, 3)))


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradient_checkpointing(tmp_path: Path, reentrant: bool) -> None:
    class Checkpointed(Small):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            inner = torch.utils.checkpoint.checkpoint(self.inner, x, use_reentrant=reentrant)
            result: torch.Tensor = self.head(inner)
            return result

    model, x = Checkpointed(), torch.randn(INSTANCES, 4)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "None of the inputs have requires_grad")
        snapshot = logged(tmp_path, model, x, "inner.0", "inner", "head")
    close(snapshot, "inner", model.inner(x))
    assert [node.calls for node in open_run(tmp_path).graph.nodes if node.key == "inner"] == [1]


class TimeFirst(nn.Module):
    """Takes [time, instances, features], as recurrent layers do by default."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.GRU(3, 5), nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.head(self.rnn(x)[1][-1])
        return output


@pytest.mark.parametrize("watched", [False, True])
def test_batches_with_time_first_that_are_as_long_as_they_are_large(tmp_path: Path, watched: bool) -> None:
    torch.manual_seed(0)
    model, x, y = TimeFirst().eval(), torch.randn(16, 22, 3), torch.arange(22) % 2
    data = [(x[:, start : start + 16], y[start : start + 16]) for start in (0, 16)]  # the second batch has 6 instances
    if watched:
        with ActiVisLogger(tmp_path, model, layers=["rnn[0]"], strict=True) as logger, logger.watch(0) as watch:
            for inputs, labels in data:
                model(inputs)
                watch.batch(labels=labels)
    else:
        logged(tmp_path, model, data, "rnn[0]")
    close(open_run(tmp_path).latest, "rnn[0]", model.rnn(x)[0].mean(0))


class OfSparse(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight, self.act, self.head = nn.Parameter(torch.randn(9, 6)), nn.ReLU(), nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.head(self.act(x @ self.weight))
        return output


class BatchStream(IterableDataset[Any]):
    """A stream of batches, whose instances are identified by their content."""

    def __init__(self, batches: Any) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Any]:
        return iter(self._batches)


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta state")
def test_sparse_inputs(tmp_path: Path, layout: torch.layout) -> None:
    torch.manual_seed(0)
    model, x, y = OfSparse(), torch.randn(INSTANCES, 9).relu(), torch.arange(INSTANCES) % 2
    data = [(x[at : at + 12].to_sparse(layout=layout), y[at : at + 12]) for at in (0, 12)]
    close(logged(tmp_path, model, data, "act"), "act", model.act(x @ model.weight))
    with ActiVisLogger(
        tmp_path / "stream", model, DataLoader(BatchStream(data), None), layers=["act"], strict=True
    ) as logger:
        logger.log(0)
    assert len(set(open_run(tmp_path / "stream").latest.instances["id"].to_pylist())) == INSTANCES


def test_a_first_batch_without_instances(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(4, 6), nn.ReLU()), torch.randn(INSTANCES, 4)
    close(logged(tmp_path, model, [x[:0], x[:9], x[9:9], x[9:]], "0"), "0", model[0](x))


@pytest.mark.skipif("fbgemm" not in torch.backends.quantized.supported_engines, reason="needs a quantized engine")
@pytest.mark.filterwarnings("ignore:.*(torch.ao|quantiz|TypedStorage|reduce_range|must run observer)")
def test_layers_that_give_quantized_tensors(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model: Any = torch.ao.quantization.QuantWrapper(nn.Sequential(nn.Linear(4, 6), nn.ReLU())).eval()
        model.qconfig = torch.ao.quantization.get_default_qconfig("fbgemm")
        torch.ao.quantization.prepare(model, inplace=True)
        x = torch.randn(INSTANCES, 4)
        model(x)
        torch.ao.quantization.convert(model, inplace=True)
        snapshot = logged(tmp_path, model, x, "module.0")
        expected = model.module[0](model.quant(x))
    assert expected.is_quantized
    close(snapshot, "module.0", expected.dequantize())
    node = next(node for node in open_run(tmp_path).graph.nodes if node.key == "module.0")
    assert "packed integers" in node.attributes["quantized"]


def test_a_module_that_never_runs_is_reported(tmp_path: Path) -> None:
    class Attend(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention, self.unused = nn.MultiheadAttention(6, 2, batch_first=True), nn.Linear(2, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.attention(x, x, x)[0]
            return result

    model, x = Attend().eval(), torch.randn(INSTANCES, 5, 6)
    snapshot = logged(tmp_path, model, x, "attention[0]", "attention[1]")
    nodes = {node.key: node for node in open_run(tmp_path).graph.nodes}
    assert nodes["attention"].attributes["never called"] == "out_proj"
    assert nodes["unused"].calls == 0
    with torch.no_grad():
        mixed, weights = model.attention(x, x, x)
    close(snapshot, "attention[0]", mixed.mean(1))
    close(snapshot, "attention[1]", weights.mean(1))


@dataclass
class Record:
    """A batch of a user's own class, with tensors further in."""

    x: dict[str, torch.Tensor]
    target: torch.Tensor


class Stream(IterableDataset[Any]):
    """Without a length; every element is (inputs, label)."""

    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self.x, self.y = x, y

    def __iter__(self) -> Iterator[Any]:
        return zip(self.x, self.y.tolist(), strict=True)


class Deep(nn.Module):
    """Takes a dict as its one argument."""

    def __init__(self) -> None:
        super().__init__()
        self.small = Small()

    def forward(self, x: dict[str, torch.Tensor]) -> torch.Tensor:
        result: torch.Tensor = self.small(x["values"])
        return result


@pytest.mark.parametrize(
    ("make", "model", "unpack"),
    [
        (lambda x, y: [(a, b) for a, b in zip(x.split(9), y.split(9), strict=True)], Small(), None),
        (lambda x, y: [{"x": a, "label": b} for a, b in zip(x.split(9), y.split(9), strict=True)], Small(), None),
        (lambda x, y: [Record({"values": a}, b) for a, b in zip(x.split(9), y.split(9), strict=True)], Deep(), None),
        (lambda x, y: [({"values": a}, b) for a, b in zip(x.split(9), y.split(9), strict=True)], Deep(), None),
        (lambda x, y: DataLoader(Stream(x, y), 9), Small(), None),
        (lambda x, y: Stream(x, y), Small(), None),
        (
            lambda x, y: [{"deep": {"it": a}, "also": [b]} for a, b in zip(x.split(9), y.split(9), strict=True)],
            Small(),
            lambda raw: (raw["deep"]["it"], raw["also"][0]),
        ),
    ],
    ids=["tuples", "dicts", "dataclasses", "nested", "stream in a loader", "stream", "unpack"],
)
def test_data_of_every_form(tmp_path: Path, make: Callable[..., Any], model: nn.Module, unpack: Any) -> None:
    x, y = torch.randn(INSTANCES, 4), torch.arange(INSTANCES) % 3
    with ActiVisLogger(tmp_path, model, make(x, y), unpack=unpack, strict=True) as logger:
        logger.log(0)
        (layer,) = [info.name for info in logger.layers if info.name.endswith("head")]
    snapshot = open_run(tmp_path).latest
    with torch.no_grad():
        expected = (model.small if isinstance(model, Deep) else model)(x).numpy()
    assert snapshot.record.seen == INSTANCES
    assert snapshot.record.metrics["accuracy"] == pytest.approx((expected.argmax(1) == y.numpy()).mean())
    summary = snapshot.summary(layer)
    np.testing.assert_allclose(summary.mean[0], expected.mean(0), rtol=1e-4, atol=1e-5)
    for label in range(3):
        np.testing.assert_allclose(summary.mean[1 + label], expected[y == label].mean(0), rtol=1e-4, atol=1e-5)
