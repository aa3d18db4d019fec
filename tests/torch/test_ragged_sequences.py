"""Packed and nested sequences: peaks, maps and tokens as instances are those of plain hooks on each sequence by itself, by id."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence

from tensorboard_activis import open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.test_peaks import check

LENGTHS = ([3, 7, 1, 5, 2], [2, 4, 6, 4], [9, 1, 60, 3])
WIDTH = 64


class Reads(nn.Module):
    """A tagger that packs its sequences as `pack` does, and gives scores of every position."""

    def __init__(self, pack: str, kind: str) -> None:
        super().__init__()
        self.pack, width = pack, 10 if kind == "both" else 5
        self.embed = nn.Embedding(30, 6)
        self.rnn: nn.Module = (
            nn.LSTM(6, 5, batch_first=True) if kind == "lstm" else nn.GRU(6, 5, bidirectional=kind == "both")
        )
        self.head = nn.Linear(width, 3)

    def forward(self, input_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        x, back = self.embed(input_ids), None
        if self.pack == "torch":
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        elif self.pack == "time first":
            packed = pack_padded_sequence(x.transpose(0, 1), lengths, enforce_sorted=False)
        elif self.pack == "list":
            packed = pack_sequence([row[:length] for row, length in zip(x, lengths.tolist(), strict=True)], False)
        else:
            order = lengths.argsort(descending=True)
            back = order.argsort()
            if self.pack == "sorted":
                packed = pack_padded_sequence(x[order], lengths[order], batch_first=True)
            else:
                packed = pack_sequence([x[row, : lengths[row]] for row in order.tolist()])
        states = pad_packed_sequence(self.rnn(packed)[0], batch_first=True, total_length=x.shape[1])[0]
        result: torch.Tensor = self.head(states if back is None else states[back])
        return result

    def alone(self, ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """By layer [positions, neurons] of one sequence that nothing pads."""
        x = self.embed(ids)
        states = self.rnn(x[None] if isinstance(self.rnn, nn.LSTM) else x[:, None])[0].reshape(len(ids), -1)
        return {"embed": x, "rnn[0]": states, "head": self.head(states)}


class Nests(nn.Module):
    """A tagger on nested tensors, with attention where the layout has it."""

    def __init__(self, layout: torch.layout) -> None:
        super().__init__()
        self.layout = layout
        self.embed, self.mix, self.norm = nn.Embedding(30, 6), nn.Linear(6, 4), nn.LayerNorm(4)
        self.q, self.k, self.v = (nn.Linear(4, 4) for _ in range(3))
        self.head = nn.Linear(4, 3)

    def forward(self, input_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        rows = [row[:length] for row, length in zip(self.embed(input_ids), lengths.tolist(), strict=True)]
        x = self.mix(torch.nested.as_nested_tensor(rows, layout=self.layout))
        x = self.norm(self._attended(x) if self.layout == torch.jagged else x.tanh())
        return torch.nested.to_padded_tensor(self.head(x), 0.0, (*input_ids.shape, 3))

    def _attended(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (each(x).unflatten(-1, (2, 2)).transpose(1, 2) for each in (self.q, self.k, self.v))
        return functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2)

    def alone(self, ids: torch.Tensor) -> dict[str, torch.Tensor]:
        embedded = self.embed(ids)
        x = mixed = self.mix(embedded)
        normed = self.norm(self._attended(x[None])[0] if self.layout == torch.jagged else x.tanh())
        return {"embed": embedded, "mix": mixed, "norm": normed, "head": self.head(normed)}


PACKED = {
    f"{pack}, {kind}": lambda pack=pack, kind=kind: Reads(pack, kind)
    for pack, kind in (("torch", "lstm"), ("torch", "both"), ("time first", "gru"), ("list", "gru"))
}
NESTED = {"jagged": lambda: Nests(torch.jagged), "strided": lambda: Nests(torch.strided)}


def batches(padded_to: int | None = None) -> Iterator[tuple[dict[str, torch.Tensor], torch.Tensor]]:
    """Token ids whose padding is no zero, lengths, and labels of all positions but those of padding."""
    generator = torch.Generator().manual_seed(3)
    for lengths in LENGTHS:
        size = padded_to or max(lengths)
        ids = torch.randint(0, 30, (len(lengths), size), generator=generator)
        real = torch.arange(size) < torch.tensor(lengths)[:, None]
        yield {"input_ids": ids, "lengths": torch.tensor(lengths)}, torch.where(real, ids % 3, -100)


def expected(model: Any, data: list[Any]) -> dict[str, list[np.ndarray]]:
    """By layer, [neurons, positions] of every sequence, in the order of the data."""
    found: dict[str, list[np.ndarray]] = {}
    with torch.no_grad():
        for inputs, _ in data:
            for ids, length in zip(inputs["input_ids"], inputs["lengths"].tolist(), strict=True):
                for layer, values in model.alone(ids[:length]).items():
                    found.setdefault(layer, []).append(values.T.numpy())
    return found


def logged(path: Path, model: nn.Module, data: Any, *, watched: bool = False, **options: Any) -> SnapshotReader:
    if watched:
        with ActiVisLogger(path, model, strict=True, **options) as logger, logger.watch(0) as watch, torch.no_grad():
            for inputs, labels in data:
                model(*inputs.values())
                watch.batch(labels=labels)
    else:
        with ActiVisLogger(path, model, data, strict=True, **options) as logger:
            logger.log(0)
    return open_run(path).latest


def check_tokens(snapshot: SnapshotReader, truth: dict[str, list[np.ndarray]]) -> None:
    """Every real token is an instance with its own values, and nothing else is."""
    rows = snapshot.instances.to_pylist()
    lengths = [values.shape[1] for values in next(iter(truth.values()))]
    assert {row["id"] for row in rows} == {f"{at}:{place}" for at, n in enumerate(lengths) for place in range(n)}
    assert snapshot.record.seen == sum(lengths)
    for layer, values in truth.items():
        own = np.stack([values[row["sequence"]][:, row["position"]] for row in rows])
        np.testing.assert_allclose(snapshot.activations(layer), own, rtol=2e-3, atol=2e-3)
        everything = np.concatenate(values, 1).astype(np.float64)
        np.testing.assert_allclose(snapshot.summary(layer, 1).mean[0], everything.mean(1), rtol=1e-3, atol=2e-5)
        np.testing.assert_allclose(snapshot.summary(layer, 1).max[0], everything.max(1), rtol=1e-3, atol=2e-5)
    for row in rows:
        assert row["prediction"] == int(truth["head"][row["sequence"]][:, row["position"]].argmax())


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("name", [*PACKED, *NESTED])
def test_peaks_and_maps(tmp_path: Path, name: str, watched: bool) -> None:
    torch.manual_seed(0)
    model, data = (PACKED | NESTED)[name]().eval(), list(batches())
    truth = expected(model, data)
    snapshot = logged(tmp_path, model, data, watched=watched, layers=list(truth), reducer="max", task="none")
    assert snapshot.notes == ()
    for layer, values in truth.items():
        assert snapshot.position_sizes(layer) == (-1,)
        check(snapshot, layer, dict(enumerate(values)))


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("padded_to", [None, WIDTH])
@pytest.mark.parametrize("name", [*PACKED, *NESTED])
def test_tokens_as_instances(tmp_path: Path, name: str, padded_to: int | None, watched: bool) -> None:
    """Also where all batches are padded to one size, which what was packed does not have."""
    torch.manual_seed(0)
    model, data = (PACKED | NESTED)[name]().eval(), list(batches(padded_to))
    truth = expected(model, data)
    snapshot = logged(tmp_path, model, data, watched=watched, unit="position", layers=list(truth))
    assert snapshot.notes == ()
    check_tokens(snapshot, truth)


@pytest.mark.parametrize("pack", ["sorted", "list in an order of its own"])
def test_an_order_of_the_models_own_is_said_and_never_guessed(tmp_path: Path, pack: str) -> None:
    torch.manual_seed(0)
    model, data = Reads(pack, "gru").eval(), list(batches())
    truth = expected(model, data)
    snapshot = logged(tmp_path, model, data, unit="position")
    assert list(snapshot.layers) == ["embed", "head"]
    assert [note for note in snapshot.notes if "the model reorders their sequences" in note and ": rnn." in note]
    check_tokens(snapshot, {layer: truth[layer] for layer in snapshot.layers})


def test_positions_that_only_the_packing_calls_padding_have_no_value(tmp_path: Path) -> None:
    torch.manual_seed(0)

    class Counts(Reads):
        def forward(self, input_ids: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
            return super().forward(input_ids, sizes)

    model, data = Counts("torch", "gru").eval(), list(batches())
    unnamed = [({"input_ids": inputs["input_ids"], "sizes": inputs["lengths"]}, labels) for inputs, labels in data]
    snapshot = logged(tmp_path, model, unnamed, unit="position", layers=["embed", "rnn[0]"])
    truth, padding = expected(model, data), sum(max(each) * len(each) - sum(each) for each in LENGTHS)
    assert [note for note in snapshot.notes if f"rnn[0] ({padding})" in note and "attention_mask or lengths" in note]
    assert snapshot.record.seen == sum(max(each) * len(each) for each in LENGTHS)
    for row, values in zip(snapshot.instances.to_pylist(), snapshot.activations("rnn[0]"), strict=True):
        own = truth["rnn[0]"][row["sequence"]]
        if row["position"] < own.shape[1]:
            np.testing.assert_allclose(values, own[:, row["position"]], rtol=2e-3, atol=2e-3)
        else:
            assert np.isnan(values).all()
    everything = np.concatenate(truth["rnn[0]"], 1).astype(np.float64)
    np.testing.assert_allclose(snapshot.summary("rnn[0]", 1).mean[0], everything.mean(1), rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("unit", ["instance", "position"])
def test_nested_inputs_and_labels(tmp_path: Path, unit: str) -> None:
    torch.manual_seed(0)

    class Plain(Nests):
        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            result: torch.Tensor = self.head(self.norm(self._attended(self.mix(self.embed(input_ids)))))
            return result

    def nested(values: torch.Tensor, lengths: list[int]) -> torch.Tensor:
        rows = [row[:length] for row, length in zip(values, lengths, strict=True)]
        return torch.nested.nested_tensor(rows, layout=torch.jagged)

    model, data = Plain(torch.jagged).eval(), list(batches())
    truth = expected(model, data)
    given = [
        ({"input_ids": nested(inputs["input_ids"], lengths)}, nested(labels, lengths))
        for (inputs, labels), lengths in zip(data, LENGTHS, strict=True)
    ]
    snapshot = logged(tmp_path, model, given, unit=unit, layers=list(truth))
    assert snapshot.notes == ()
    if unit == "position":
        check_tokens(snapshot, truth)
    else:
        labels = [label[label >= 0] for _, batch in data for label in batch]
        for row in snapshot.instances.to_pylist():
            right = truth["head"][row["id"]].argmax(0) == labels[row["id"]].numpy()
            assert row["correct"] == right.all()
        np.testing.assert_allclose(
            snapshot.summary("norm", 1).mean[0], np.mean([each.mean(1) for each in truth["norm"]], 0), atol=1e-5
        )


class OfPacked(nn.Module):
    """A classifier that is given packed sequences."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.LSTM(6, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x: PackedSequence) -> torch.Tensor:
        result: torch.Tensor = self.head(self.rnn(x)[1][0][-1])
        return result


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("sort", [False, True])
def test_packed_inputs(tmp_path: Path, sort: bool, watched: bool) -> None:
    torch.manual_seed(0)
    model = OfPacked().eval()
    order: Callable[[list[int]], list[int]] = (lambda each: sorted(each, reverse=True)) if sort else list
    sequences = [[torch.randn(length, 6) for length in order(lengths)] for lengths in LENGTHS]
    data = [
        (
            {"x": pack_sequence(each, enforce_sorted=sort)} if watched else pack_sequence(each, enforce_sorted=sort),
            labels,
        )
        for each in sequences
        for labels in [torch.arange(len(each)) % 3]
    ]
    snapshot = logged(tmp_path, model, data, watched=watched, layers=["rnn[0]", "head"], reducer="max")
    with torch.no_grad():
        states = [model.rnn(each[None])[0][0] for batch in sequences for each in batch]
        scores = torch.stack([model.head(each[-1]) for each in states])
    check(snapshot, "rnn[0]", {at: each.T.numpy() for at, each in enumerate(states)})
    ids = snapshot.instances["id"].to_pylist()
    np.testing.assert_allclose(snapshot.activations("head"), scores[ids], rtol=2e-3, atol=2e-3)
    assert snapshot.instances["prediction"].to_pylist() == scores.argmax(1)[ids].tolist()


def test_heads_over_nested_sequences_are_said_to_be_unseen(tmp_path: Path) -> None:
    with ActiVisLogger(tmp_path, Nests(torch.jagged).eval(), list(batches()), strict=True) as logger:
        logger.log(0)
        (node,) = (each for each in logger.graph.nodes if each.type == "scaled_dot_product_attention")
    assert node.attributes["attention"].startswith("cannot be seen: its sequences are nested")
    assert open_run(tmp_path).latest.notes == (
        "The heads of attention cannot be seen in /scaled_dot_product_attention.",
    )


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_strided_nested_inputs_are_refused_in_words(tmp_path: Path) -> None:
    from tensorboard_activis.errors import ConfigurationError

    rows = torch.nested.nested_tensor([torch.randn(length, 6) for length in LENGTHS[0]], layout=torch.strided)
    with pytest.raises(ConfigurationError, match="layout=torch.jagged"):
        ActiVisLogger(tmp_path, nn.Linear(6, 3), [rows], task="none")
