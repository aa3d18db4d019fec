"""Positions as plain hooks with full maps show them, by instance id: exact peaks, values within half a step of 8 bits."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tensorboard_activis import open_run
from tensorboard_activis.capture import batch_positions
from tensorboard_activis.capture.batch_positions import quantized
from tensorboard_activis.errors import ConfigurationError, NotFoundError
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.torch import ActiVisLogger


class Network(nn.Module):
    """Layers whose outputs have 1, 2 or 3 axes of positions, and a sequence; each is seen by a plain hook."""

    def __init__(self) -> None:
        super().__init__()
        self.plane = nn.Conv2d(1, 5, 3, padding=1)
        self.line = nn.Conv1d(13, 4, 3, padding=1)
        self.volume = nn.Conv3d(1, 3, 3, padding=1)
        self.tokens = nn.Linear(17, 6)
        self.head = nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.line(x[:, 0])
        self.volume(x.unflatten(3, (17, 1)).transpose(2, 4))
        self.tokens(x[:, 0])
        result: torch.Tensor = self.head(self.plane(x).relu_().mean((2, 3)))
        return result


class Reader(nn.Module):
    """Token sequences with a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 6)
        self.mix = nn.Linear(6, 7)
        self.head = nn.Linear(7, 3)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.head(self.mix(self.embed(input_ids)).mean(1))
        return result


def plain(model: nn.Module, batches: Iterable[Any], names: Iterable[str]) -> dict[str, list[np.ndarray]]:
    """Raw outputs of the layers, batch by batch, by hooks that copy them."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    handles = [
        model.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: found[name].append(output.detach().numpy().copy())
        )
        for name in found
    ]
    with torch.no_grad():
        for batch in batches:
            model(**batch) if isinstance(batch, dict) else model(batch)
    for handle in handles:
        handle.remove()
    return found


def check(snapshot: SnapshotReader, layer: str, by_id: dict[int, np.ndarray]) -> None:
    """Compares with raw values by id: [neurons, *positions] of each instance, of sequences the real ones only."""
    sampled = snapshot.record.sample_size
    ids = snapshot.instances["id"].to_pylist()
    peaks = snapshot.peaks(layer)
    for row, key in enumerate(ids):
        flat = by_id[key].reshape(len(by_id[key]), -1)
        expected = [np.nanargmax(each) if (~np.isnan(each)).any() else -1 for each in flat]
        assert peaks[row].tolist() == expected
    values = snapshot.activations(layer)[:sampled].astype(np.float32)
    for neuron in range(values.shape[1]):
        table = snapshot.strongest(layer, neuron)
        known = np.where(np.isnan(values[:, neuron]), -np.inf, values[:, neuron])
        order = [row for row in np.argsort(-known, kind="stable")[:16] if known[row] > -np.inf]
        assert table["row"].to_pylist() == order
        for row, shown in zip(order, table["values"].to_pylist(), strict=True):
            raw, start = by_id[ids[row]][neuron], 0
            if "start" in table.column_names:
                start = table["start"].to_pylist()[order.index(row)]
                assert start <= peaks[row, neuron] < start + len(shown)
                assert len(shown) == min(48, len(raw)) or np.isnan(raw).any()
                raw = raw[start : start + len(shown)]
            close(np.array(shown, np.float32), averaged(raw, np.array(shown).shape))


def averaged(raw: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """Means over the places that each of the fewer values covers, by loops."""
    result = np.empty(sizes)
    for place in np.ndindex(*sizes):
        covered = tuple(
            slice(at * large // small, -(-(at + 1) * large // small))
            for at, small, large in zip(place, sizes, raw.shape, strict=True)
        )
        result[place] = raw[covered].mean()
    return result


def close(shown: np.ndarray, raw: np.ndarray) -> None:
    assert (np.isnan(shown) == np.isnan(raw)).all()
    step = (np.nanmax(raw) - np.nanmin(raw)) / 254
    # A mean over a thousand places is rounded in float32, the more the larger the values are beside their range.
    rounding = 1e-6 + 4e-6 * np.nanmax(np.abs(raw))
    assert np.nanmax(np.abs(shown - raw)) <= step / 2 * 1.001 + rounding


def maps(instances: int = 150) -> tuple[Network, DataLoader[Any]]:
    torch.manual_seed(1)
    images = torch.randn(instances, 1, 13, 17)
    images[3] = images[2]  # equal values of two instances
    return Network().eval(), DataLoader(TensorDataset(images, torch.arange(instances) % 3), 16)


NAMES = ("plane", "line", "volume", "tokens")


@pytest.mark.parametrize("sample", [40, None])
def test_maps_are_those_of_plain_hooks(tmp_path: Path, sample: int | None) -> None:
    model, loader = maps()
    pinned = torch.randn(3, 1, 13, 17)
    with ActiVisLogger(tmp_path, model, loader, layers=list(NAMES), sample=sample, pinned=pinned, strict=True) as log:
        log.log(0)
        log.log(1)
    raw = plain(model, [x for x, _ in loader] + [pinned], NAMES)
    for step in (0, 1):
        snapshot = open_run(tmp_path).snapshot(step)
        assert [snapshot.position_sizes(name) for name in NAMES] == [(13, 17), (17,), (1, 17, 13), (13,)]
        assert snapshot.notes == ()
        for name in NAMES:
            outputs = [each for batch in raw[name] for each in batch]
            outputs = [each.T for each in outputs] if name == "tokens" else outputs
            check(
                snapshot,
                name,
                dict(enumerate(outputs[:150])) | {-1 - at: each for at, each in enumerate(outputs[150:])},
            )
            for at in range(3):
                shown = snapshot.map(name, snapshot.record.sample_size + at)
                for neuron, each in enumerate(outputs[150 + at]):
                    close(shown[..., neuron], averaged(each, shown.shape[:-1]))


@pytest.mark.parametrize("known", [True, False])
def test_a_watched_loop_has_the_same_positions(tmp_path: Path, known: bool) -> None:
    model, loader = maps()
    ids = [7 * index for index in range(150)]
    with ActiVisLogger(tmp_path, model, layers=["plane", "tokens"], sample=40, strict=True) as log, torch.no_grad():
        for step in (0, 1):
            with log.watch(step) as watched:
                for at, (x, y) in enumerate(loader):
                    model(x)
                    watched.batch(labels=y, ids=ids[16 * at : 16 * at + len(x)] if known else None)
    raw = plain(model, [x for x, _ in loader], ("plane", "tokens"))
    keys = ids if known else range(150)
    for step in (0, 1):
        snapshot = open_run(tmp_path).snapshot(step)
        check(snapshot, "plane", dict(zip(keys, np.concatenate(raw["plane"]), strict=True)))
        check(snapshot, "tokens", dict(zip(keys, np.concatenate(raw["tokens"]).transpose(0, 2, 1), strict=True)))


def test_other_data_than_expected_have_their_strongest_all_the_same(tmp_path: Path) -> None:
    model, _ = maps()
    sizes = {0: 60, 1: 150, 2: 100}
    images = torch.randn(150, 1, 13, 17)
    with ActiVisLogger(tmp_path, model, layers=["plane"], sample=40, strict=True) as log, torch.no_grad():
        for step, size in sizes.items():
            with log.watch(step):
                for part in images[:size].split(16):
                    model(part)
    for step in sizes:
        snapshot = open_run(tmp_path).snapshot(step)
        for neuron in range(5):
            values = snapshot.activations("plane")[:, neuron].astype(np.float32)
            rows = np.argsort(-values, kind="stable")[:16].tolist()
            assert snapshot.strongest("plane", neuron)["row"].to_pylist() == rows


@pytest.mark.parametrize("side", ["left", "right", "holes"])
def test_padding_does_not_count(tmp_path: Path, side: str) -> None:
    torch.manual_seed(2)
    model, batches, real = Reader().eval(), [], []
    for longest in (9, 5, 70, 1):
        lengths = torch.randint(1, longest + 1, (12,))
        places = torch.arange(longest)
        mask = places < lengths[:, None] if side != "left" else places >= longest - lengths[:, None]
        if side == "holes" and longest > 5:
            mask[:, 3] = False
            mask[0] = False  # nothing real at all
        batches.append({"input_ids": torch.randint(0, 50, mask.shape), "attention_mask": mask.long()})
        real += list(mask.numpy())
    with ActiVisLogger(tmp_path, model, batches, layers=["mix"], sample=30, strict=True, reducer="max") as log:
        log.log(0)
    outputs = [each for batch in plain(model, batches, ["mix"])["mix"] for each in batch]
    by_id = {at: output[mask].T for at, (output, mask) in enumerate(zip(outputs, real, strict=True))}
    snapshot = open_run(tmp_path).latest
    assert snapshot.position_sizes("mix") == (-1,)
    check(snapshot, "mix", by_id)


def test_nan_has_no_position(tmp_path: Path) -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 1)
            self.show = nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.conv(x).clone()
            y[0, 0, 1, 2] = torch.nan
            y[1, 1] = torch.nan
            return self.show(y).amax((2, 3))

    model, x = Broken().eval(), torch.randn(4, 1, 5, 6)
    with ActiVisLogger(tmp_path, model, [x], layers=["show"], reducer="max", strict=True) as log:
        log.log(0)
    (raw,) = plain(model, [x], ["show"])["show"]
    check(open_run(tmp_path).latest, "show", dict(enumerate(raw)))


def test_maps_of_several_sizes_are_left_out_and_said(tmp_path: Path) -> None:
    model = Network().eval()
    model.forward = lambda x: model.head(model.plane(x).mean((2, 3)))  # type: ignore[method-assign]
    batches = [torch.randn(8, 1, size, 4) for size in (3, 5)]
    with ActiVisLogger(tmp_path, model, batches, layers=["plane"], strict=True) as log:
        log.log(0)
    snapshot = open_run(tmp_path).latest
    assert snapshot.position_sizes("plane") == ()
    assert "'plane' are left out, because its output has 3 × 4 positions in one batch and 5 × 4" in snapshot.notes[-1]
    assert snapshot.activations("plane").shape == (16, 5)


def test_a_map_larger_than_the_budget_is_averaged_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_positions, "PINNED_VALUES", 50)
    model, loader = maps(20)
    pinned = torch.randn(1, 1, 13, 17)
    with ActiVisLogger(tmp_path, model, loader, layers=["plane"], pinned=pinned, strict=True) as log:
        log.log(0)
    shown = open_run(tmp_path).latest.map("plane", 20)
    assert shown.size <= 50 < 4 * shown.size
    (raw,) = plain(model, [pinned], ["plane"])["plane"]
    for neuron, each in enumerate(raw[0]):
        close(shown[..., neuron], averaged(each, shown.shape[:-1]))


@pytest.mark.parametrize("size", [1, 300, 1024])
def test_images_of_any_size(tmp_path: Path, size: int) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten(2)).eval()
    x = torch.randn(3, 1, size, size)
    with ActiVisLogger(tmp_path, model, [x], layers=["0"], pinned=x[:1], strict=True) as log:
        log.log(0)
    (raw, _) = plain(model, [x, x[:1]], ["0"])["0"]
    snapshot = open_run(tmp_path).latest
    check(snapshot, "0", dict(enumerate(raw)) | {-1: raw[0]})
    assert snapshot.map("0", 3).shape == (min(size, 32), min(size, 32), 2)


def test_positions_may_be_off(tmp_path: Path) -> None:
    model, loader = maps(20)
    with ActiVisLogger(tmp_path, model, loader, layers=["plane"], positions=0, strict=True) as log:
        log.log(0)
    with pytest.raises(NotFoundError, match="positions=0"):
        open_run(tmp_path).latest.peaks("plane")
    with pytest.raises(ConfigurationError, match="positions must be a number of instances per neuron from 0"):
        ActiVisLogger(tmp_path, model, loader, positions=-1)


@pytest.mark.parametrize("before", [0, 1])
def test_patches_of_a_vision_transformer_are_a_grid(tmp_path: Path, before: int) -> None:
    class ViT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 6, 4, stride=4)
            self.first = nn.Parameter(torch.randn(1, before, 6))
            self.block = nn.Linear(6, 6)
            self.head = nn.Linear(6, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = self.patches(x).flatten(2).transpose(1, 2)
            tokens = torch.cat([self.first.expand(len(x), -1, -1), tokens], 1)
            result: torch.Tensor = self.head(self.block(tokens).mean(1))
            return result

    torch.manual_seed(4)
    model, x = ViT().eval(), torch.randn(30, 3, 12, 20)
    with ActiVisLogger(tmp_path, model, [(x, torch.arange(30) % 3)], layers=["block"], strict=True) as log:
        log.log(0)
    (raw,) = plain(model, [x], ["block"])["block"]
    grid = raw[:, before:].transpose(0, 2, 1).reshape(30, 6, 3, 5)
    snapshot = open_run(tmp_path).latest
    assert snapshot.position_sizes("block") == (3, 5)
    check(snapshot, "block", dict(enumerate(grid)))


@pytest.mark.parametrize("span", [1e-44, 1e-37, 1.0, 3e38])
def test_values_of_any_span_are_within_half_a_step(span: float) -> None:
    values = (np.array([[-1, -0.5, 0, 0.3, 1], [1, 1, 1, 1, 1]]) * span).astype(np.float32)
    codes, ranges = quantized(values)
    low, high = ranges.astype(np.float64).T
    read = low[:, None] + codes * (high - low)[:, None] / 254
    assert np.abs(read - values).max() <= (high - low).max() / 254 * 0.501
