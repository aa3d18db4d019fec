"""A watched evaluation gives the snapshot that plain hooks and numpy give, by instance id."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.network import Net
from tests.torch.watching import Data, check, chunks, column, plain


@pytest.mark.parametrize("size", [9, 41, 1, 40])
def test_labels_belong_to_the_pass_before(tmp_path: Path, data: Data, size: int) -> None:
    model = Net()
    with ActiVisLogger(tmp_path, model, layers=["norm", "fc"], strict=True) as logger:
        model.eval()
        with torch.no_grad(), logger.watch(5) as watched:
            for x, y in chunks(data, size):
                model(x)
                watched.batch(labels=y)
        assert [layer.name for layer in logger.layers] == ["norm", "fc"]
    run = open_run(tmp_path)
    assert run.steps == [5]
    check(run.latest, model, "norm", *data)
    summary = run.latest.summary("fc")
    np.testing.assert_allclose(summary.mean[0], plain(model, model.fc, data[0]).mean(0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_any_gradient_mode(tmp_path: Path, data: Data, mode: Any) -> None:
    model = Net()
    with ActiVisLogger(tmp_path, model, layers=["act"], strict=True) as logger:
        for step in (1, 2):
            model.eval()
            with mode(), logger.watch(step) as watched:
                for x, y in chunks(data, 9):
                    model(x)
                    watched.batch(labels=y.tolist())
            model.train()
            model(data[0]).sum().backward()
    assert open_run(tmp_path).steps == [1, 2]


@pytest.mark.parametrize("size", [9, 2])  # more passes than are taken for parts of one batch
def test_a_loop_without_labels_needs_no_batch(tmp_path: Path, data: Data, size: int) -> None:
    model = Net()
    with ActiVisLogger(tmp_path, model, layers=["conv"], strict=True) as logger:
        model.eval()
        with logger.watch(1):
            for x, _ in chunks(data, size):
                model(x)
    snapshot = open_run(tmp_path).latest
    ids = column(snapshot, "id")
    assert len(ids) == 41
    np.testing.assert_allclose(
        snapshot.activations("conv"), plain(model, model.conv, data[0])[ids], rtol=2e-3, atol=2e-3
    )
    assert "label" not in snapshot.instances.column_names


def test_ids_columns_texts_inputs_and_outputs(tmp_path: Path, data: Data) -> None:
    model = Net()
    names = [f"n{number}" for number in range(41)]
    with ActiVisLogger(tmp_path, model, layers=["fc"], strict=True, subsets={"odd": '"5" in text'}) as logger:
        model.eval()
        with torch.no_grad(), logger.watch(1) as watched:
            for start in range(0, 41, 9):
                part = slice(start, start + 9)
                logits = model(data[0][part])
                watched.batch(
                    labels=data[1][part],
                    ids=names[part],
                    columns={"half": torch.arange(41.0)[part] / 2, "word": names[part]},
                    texts=[f"text {name}" for name in names[part]],
                    inputs=data[0][part] * 2,
                    outputs=-logits,
                )
    snapshot = open_run(tmp_path).latest
    order = [names.index(name) for name in column(snapshot, "id")]
    assert sorted(order) == list(range(41))
    np.testing.assert_allclose(column(snapshot, "half"), np.arange(41.0)[order] / 2)
    assert column(snapshot, "word").tolist() == [names[index] for index in order]
    assert (column(snapshot, "prediction") == model(data[0]).argmin(1).numpy()[order]).all()
    assert snapshot.where('"5" in text').sum() == sum("5" in name for name in names)


def test_a_batch_in_parts(tmp_path: Path, data: Data) -> None:
    model = Net()
    with ActiVisLogger(tmp_path, model, layers=["norm"], strict=True) as logger:
        model.eval()
        with torch.no_grad(), logger.watch(1) as watched:
            for x, y in chunks(data, 20):
                for part in x.split(7):
                    model(part)
                watched.batch(labels=y)
    check(open_run(tmp_path).latest, model, "norm", *data)


def test_several_passes_over_the_same_batch(tmp_path: Path, data: Data) -> None:
    """As with test-time augmentation: the last one counts, and a note says so."""
    model = Net()
    with ActiVisLogger(tmp_path, model, layers=["norm"], strict=True) as logger:
        model.eval()
        with torch.no_grad(), logger.watch(1) as watched:
            for x, y in chunks(data, 9):
                model(x.flip(3))
                model(x)
                watched.batch(labels=y)
    snapshot = open_run(tmp_path).latest
    check(snapshot, model, "norm", *data)
    assert any("ran 2 times on the same number" in note for note in snapshot.notes)


def test_pinned_instances_are_run_at_the_end(tmp_path: Path, data: Data) -> None:
    model, pinned = Net(), torch.rand(2, 1, 8, 8)
    with (
        ActiVisLogger(tmp_path, model, layers=["norm"], pinned=pinned, sample=5, strict=True) as logger,
        torch.no_grad(),
    ):
        model.eval()
        with logger.watch(1) as watched:
            for x, y in chunks(data, 9):
                model(x)
                watched.batch(labels=y)
    snapshot = open_run(tmp_path).latest
    got = snapshot.activations("norm")
    assert len(got) == 7
    np.testing.assert_allclose(got[5:], plain(model, model.norm, pinned), rtol=2e-3, atol=2e-3)


def test_ids_in_the_order_of_the_evaluation(tmp_path: Path, data: Data) -> None:
    model, names = Net().eval(), [f"n{number}" for number in range(41)]
    with (
        ActiVisLogger(tmp_path, model, id=names, columns={"c": range(41)}, strict=True) as logger,
        torch.no_grad(),
        logger.watch(1) as watched,
    ):
        for x, y in chunks(data, 9):
            model(x)
            watched.batch(labels=y)
    snapshot = open_run(tmp_path).latest
    assert [names[index] for index in column(snapshot, "c")] == column(snapshot, "id").tolist()


def test_another_order_is_noted(tmp_path: Path, data: Data) -> None:
    model = Net().eval()
    with ActiVisLogger(tmp_path, model, strict=True) as logger, torch.no_grad():
        for step, order in enumerate((torch.arange(41), torch.arange(41), torch.arange(40, -1, -1))):
            with logger.watch(step) as watched:
                model(data[0][order])
                watched.batch(labels=data[1][order])
    run = open_run(tmp_path)
    noted = ["may stand for another instance" in " ".join(run.snapshot(step).notes) for step in range(3)]
    assert noted == [False, False, True]


def test_log_and_watch_give_the_same_snapshot(tmp_path: Path, data: Data) -> None:
    model = Net().eval()
    with ActiVisLogger(tmp_path / "log", model, data, sample=20, strict=True) as one:
        one.log(1)
    with (
        ActiVisLogger(tmp_path / "watch", model, sample=20, strict=True) as other,
        torch.no_grad(),
        other.watch(1) as watched,
    ):
        for x, y in chunks(data, 9):
            model(x)
            watched.batch(labels=y)
    logged, seen = open_run(tmp_path / "log").latest, open_run(tmp_path / "watch").latest
    assert list(logged.layers) == list(seen.layers)
    for name in ("id", "label", "prediction"):
        assert logged.instances[name].to_pylist() == seen.instances[name].to_pylist()
    for layer in logged.layers:
        np.testing.assert_allclose(logged.activations(layer), seen.activations(layer), rtol=1e-3, atol=1e-3)
