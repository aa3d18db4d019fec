"""A watched evaluation gives the snapshot that plain hooks and numpy give, by instance id, and does not disturb."""

import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisError, ActiVisWarning, ConfigurationError
from tensorboard_activis.query.snapshot import Snapshot
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.network import Net
from tests.torch.process_state import differences, process_state

Data = tuple[torch.Tensor, torch.Tensor]


def chunks(data: Data, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    yield from zip(data[0].split(size), data[1].split(size), strict=True)


def plain(model: nn.Module, module: nn.Module, x: torch.Tensor) -> np.ndarray:
    """The mean output of a module over positions, by a plain hook."""
    outputs: list[torch.Tensor] = []
    handle = module.register_forward_hook(lambda module, args, output: outputs.append(output.clone()))
    with torch.no_grad():
        model.eval()(x)
    handle.remove()
    return outputs[0].flatten(2).mean(2).numpy() if outputs[0].dim() > 2 else outputs[0].numpy()


def column(snapshot: Snapshot, name: str) -> np.ndarray:
    return np.array(snapshot.instances[name].to_pylist())


def check(snapshot: Snapshot, model: nn.Module, layer: str, x: torch.Tensor, y: torch.Tensor) -> None:
    """Compares ids, activations, labels, predictions and losses of all instances with those of the model in one piece."""
    ids = column(snapshot, "id")
    assert sorted(ids) == list(range(len(x)))
    want = plain(model, model.get_submodule(layer), x)[ids]
    np.testing.assert_allclose(snapshot.activations(layer).astype(np.float32), want, rtol=2e-3, atol=2e-3)
    with torch.no_grad():
        logits = model.eval()(x)
    assert (column(snapshot, "label") == y.numpy()[ids]).all()
    assert (column(snapshot, "prediction") == logits.argmax(1).numpy()[ids]).all()
    losses = functional.cross_entropy(logits, y, reduction="none").numpy()
    np.testing.assert_allclose(column(snapshot, "loss"), losses[ids], rtol=1e-3, atol=1e-4)


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
    np.testing.assert_allclose(summary.mean[0], plain(model, model.fc, data[0]).mean(0), rtol=1e-4)


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


def lost(tmp_path: Path, model: nn.Module, evaluate: Any, match: str) -> None:
    """The evaluation costs the snapshot, which is said in one warning; with `strict` it is raised."""
    with (
        ActiVisLogger(tmp_path, model) as logger,
        pytest.warns(ActiVisWarning, match=match),
        logger.watch(1) as watched,
    ):
        evaluate(watched)
    with (
        ActiVisLogger(tmp_path, model, strict=True) as logger,
        pytest.raises(ActiVisError, match=match),
        logger.watch(1) as watched,
    ):
        evaluate(watched)
    assert not list(tmp_path.glob("activis/*.safetensors"))


def test_passes_that_are_neither_parts_nor_the_whole(tmp_path: Path, data: Data) -> None:
    model = Net().eval()

    def evaluate(watched: Any) -> None:
        model(data[0][:9])
        model(data[0][:4])
        watched.batch(labels=data[1][:9])

    lost(tmp_path, model, evaluate, "ran 2 times, on 9, 4 instances")


def test_a_batch_without_a_pass(tmp_path: Path, data: Data) -> None:
    model = Net().eval()

    def evaluate(watched: Any) -> None:
        watched.batch(labels=data[1][:9])

    lost(tmp_path, model, evaluate, "without a forward pass of the model before it")


def test_a_pass_in_training_mode(tmp_path: Path, data: Data) -> None:
    model = Net()

    def evaluate(watched: Any) -> None:
        model(data[0][:9])
        watched.batch(labels=data[1][:9])

    lost(tmp_path, model, evaluate, r"in training mode: call model.eval\(\)")


def test_labels_of_another_batch(tmp_path: Path, data: Data) -> None:
    model = Net().eval()

    def evaluate(watched: Any) -> None:
        model(data[0][:9])
        watched.batch(labels=data[1][:7])

    lost(tmp_path, model, evaluate, "has 7 labels, but the forward pass before it was of 9")


def test_a_layer_that_does_not_exist_is_said_at_the_first_pass(tmp_path: Path, data: Data) -> None:
    model = Net().eval()
    said: list[str] = []
    with ActiVisLogger(tmp_path, model, layers=["conv9"]) as logger:
        for step in (1, 2):
            with warnings.catch_warnings(record=True) as raised, logger.watch(step) as watched:
                warnings.simplefilter("always")
                out = model(data[0][:9])
                watched.batch(labels=data[1][:9])
            said += [str(warning.message) for warning in raised]
            assert out.shape == (9, 3)
    assert len(said) == 1
    assert "conv9" in said[0]
    assert not list(tmp_path.glob("activis/*.safetensors"))


def test_what_goes_wrong_does_not_reach_the_evaluation(tmp_path: Path, data: Data) -> None:
    model = Net().eval()
    with (
        ActiVisLogger(tmp_path, model, reducer=lambda values, mask: values[0]) as logger,
        pytest.warns(ActiVisWarning, match="lost the snapshot of step 1"),
        logger.watch(1) as watched,
    ):
        for x, y in chunks(data, 9):
            assert model(x).shape == (len(x), 3)
            watched.batch(labels=y)


def evaluate_and_raise(logger: ActiVisLogger, model: nn.Module, data: Data, error: BaseException) -> None:
    with logger.watch(1) as watched:
        model(data[0])
        watched.batch(labels=data[1])
        raise error


def test_an_exception_goes_on_to_the_user_and_nothing_is_published(tmp_path: Path, data: Data) -> None:
    model = Net().eval()
    with ActiVisLogger(tmp_path, model, strict=True) as logger:
        for error in (ValueError("mine"), KeyboardInterrupt("mine")):
            with pytest.raises(type(error), match="mine"):
                evaluate_and_raise(logger, model, data, error)
            assert not model._forward_hooks
            assert not model._forward_pre_hooks
        with torch.no_grad(), logger.watch(2) as watched:
            model(data[0])
            watched.batch(labels=data[1])
    assert open_run(tmp_path).steps == [2]


class Fails(Net):
    fails = True

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = super().forward(x)
        if self.fails and len(x) == 9:
            raise MemoryError("no room")
        return out


def test_a_pass_that_fails_and_is_tried_again_in_parts(tmp_path: Path, data: Data) -> None:
    model = Fails().eval()
    with (
        ActiVisLogger(tmp_path, model, layers=["norm", "act"], strict=True) as logger,
        torch.no_grad(),
        logger.watch(1) as watched,
    ):
        for x, y in chunks(data, 9):
            try:
                model(x)
            except MemoryError:
                for part in x.split(5):
                    model(part)
            watched.batch(labels=y)
    model.fails = False
    check(open_run(tmp_path).latest, model, "norm", *data)


def test_a_loop_that_is_left_by_break(tmp_path: Path, data: Data) -> None:
    model = Net().eval()
    with (
        ActiVisLogger(tmp_path, model, layers=["fc"], strict=True) as logger,
        torch.no_grad(),
        logger.watch(1) as watched,
    ):
        for number, (x, y) in enumerate(chunks(data, 9)):
            model(x)
            if number == 2:
                break
            watched.batch(labels=y)
    snapshot = open_run(tmp_path).latest
    assert sorted(column(snapshot, "id")) == list(range(18))
    assert any("Behind the last batch() the model ran 1 times" in note for note in snapshot.notes)


def test_no_pass_at_all(tmp_path: Path) -> None:
    with (
        ActiVisLogger(tmp_path, Net()) as logger,
        pytest.warns(ActiVisWarning, match="no forward pass"),
        logger.watch(1),
    ):
        pass


def test_two_watches_of_one_logger(tmp_path: Path, data: Data) -> None:
    model = Net().eval()
    with (
        ActiVisLogger(tmp_path, model, layers=["fc"], strict=True) as logger,
        torch.no_grad(),
        logger.watch(1) as watched,
    ):
        with pytest.raises(ConfigurationError, match="still open"):
            logger.watch(2)
        model(data[0])
        watched.batch(labels=data[1])
    assert open_run(tmp_path).steps == [1]


def test_interleaved_watches_of_two_models(tmp_path: Path, data: Data) -> None:
    teacher, student = Net().eval(), Net().eval()
    with (
        ActiVisLogger(tmp_path / "teacher", teacher, layers=["norm"], strict=True) as one,
        ActiVisLogger(tmp_path / "student", student, layers=["norm"], strict=True) as other,
        torch.no_grad(),
        one.watch(1) as first,
        other.watch(1) as second,
    ):
        for x, y in chunks(data, 9):
            teacher(x)
            student(x)
            second.batch(labels=y)
            first.batch(labels=y)
    check(open_run(tmp_path / "teacher").latest, teacher, "norm", *data)
    check(open_run(tmp_path / "student").latest, student, "norm", *data)


def test_another_logger_logs_the_same_model_meanwhile(tmp_path: Path, data: Data) -> None:
    model = Net().eval()
    with (
        ActiVisLogger(tmp_path / "one", model, layers=["norm"], strict=True) as one,
        ActiVisLogger(tmp_path / "other", model, (data[0] + 1, data[1]), layers=["norm"], strict=True) as other,
        torch.no_grad(),
        one.watch(1) as watched,
    ):
        for x, y in chunks(data, 9):
            model(x)
            other.log(1)
            watched.batch(labels=y)
    check(open_run(tmp_path / "one").latest, model, "norm", *data)
    check(open_run(tmp_path / "other").latest, model, "norm", data[0] + 1, data[1])


def test_passes_of_other_threads_are_not_taken(tmp_path: Path, data: Data) -> None:
    model = Net().eval()
    with (
        ActiVisLogger(tmp_path, model, layers=["norm"], strict=True) as logger,
        torch.no_grad(),
        logger.watch(1) as watched,
    ):
        for x, y in chunks(data, 9):
            model(x)
            thread = threading.Thread(target=model, args=(x + 1,))
            thread.start()
            thread.join()
            watched.batch(labels=y)
    check(open_run(tmp_path).latest, model, "norm", *data)


class Counts(Net):
    """Counts its passes in evaluation mode, and their instances."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            self.sizes.append(len(x))
        return super().forward(x)


def test_no_pass_besides_the_users_but_two_of_a_few_instances(tmp_path: Path, data: Data) -> None:
    model = Counts()
    with ActiVisLogger(tmp_path, model, strict=True) as logger:
        for step in range(3):
            model.eval()
            with torch.no_grad(), logger.watch(step) as watched:
                for x, y in chunks(data, 9):
                    model(x)
                    watched.batch(labels=y)
    assert sum(model.sizes) - 3 * 41 <= 64
    assert len(model.sizes) - 3 * 5 == 2


def train(directory: Path | None, data: Data) -> dict[str, Any]:
    """Trains, and validates after each epoch; returns everything that training has come to."""
    torch.manual_seed(3)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    logger = None if directory is None else ActiVisLogger(directory, model, strict=True)
    losses = []
    for epoch in range(3):
        model.train()
        for x, y in chunks(data, 9):
            optimizer.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        model.eval()
        watched = None if logger is None else logger.watch(epoch)
        with torch.no_grad():
            for x, y in chunks(data, 9):
                losses.append(functional.cross_entropy(model(x), y).item())
                if watched is not None:
                    watched.batch(labels=y)
        if watched is not None:
            watched.close()
    if logger is not None:
        logger.close()
    return {**process_state(model), "losses": losses, "dropout": nn.functional.dropout(torch.ones(50)).tolist()}


def test_training_and_validation_are_as_without(tmp_path: Path, data: Data) -> None:
    without, watched = train(None, data), train(tmp_path, data)
    assert not [name for name in differences(without, watched) if name not in ("children", "filters")]
    assert open_run(tmp_path).steps == [0, 1, 2]


class Tokens(nn.Module):
    """Takes a dict by name, with labels and mask, and gives (loss, logits)."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(20, 6), nn.Linear(6, 4)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor) -> Any:
        weights = attention_mask[:, :, None].float()
        logits = self.head((self.embed(input_ids) * weights).sum(1) / weights.sum(1))
        return functional.cross_entropy(logits, labels), logits


@pytest.mark.parametrize("told", [True, False])
def test_labels_and_mask_of_the_call_itself(tmp_path: Path, told: bool) -> None:
    torch.manual_seed(0)
    model, ids = Tokens().eval(), torch.randint(0, 20, (13, 4))
    mask, labels = (torch.arange(4) < torch.arange(13)[:, None] % 4 + 1).long(), torch.randint(0, 4, (13,))
    with (
        ActiVisLogger(tmp_path, model, layers=["embed", "head"], strict=True) as logger,
        torch.no_grad(),
        logger.watch(1) as watched,
    ):
        for part in torch.arange(13).split(4):
            model(input_ids=ids[part], attention_mask=mask[part], labels=labels[part])
            if told:
                watched.batch()
    snapshot = open_run(tmp_path).latest
    order = column(snapshot, "id")
    with torch.no_grad():
        embedded = model.embed(ids)
        want = (embedded * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        logits = model(ids, mask, labels)[1]
    np.testing.assert_allclose(snapshot.activations("embed"), want.numpy()[order], atol=2e-3)
    assert (column(snapshot, "label") == labels.numpy()[order]).all()
    assert (column(snapshot, "prediction") == logits.argmax(1).numpy()[order]).all()


@pytest.mark.parametrize("steps", [7, 5])  # as many steps as instances, in one
def test_instances_in_the_second_axis(tmp_path: Path, steps: int) -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = nn.GRU(3, 6), nn.Linear(6, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.head(self.rnn(x)[1][0])
            return out

    torch.manual_seed(0)
    model, x, y = Recurrent().eval(), torch.randn(steps, 11, 3), torch.arange(11) % 2
    with (
        ActiVisLogger(tmp_path, model, layers=["rnn[1]", "head"], strict=True) as logger,
        torch.no_grad(),
        logger.watch(1) as watched,
    ):
        for part in torch.arange(11).split(8):
            model(x[:, part])
            watched.batch(labels=y[part])
    snapshot = open_run(tmp_path).latest
    order = column(snapshot, "id")
    with torch.no_grad():
        states = model.rnn(x)[1][0].numpy()
    np.testing.assert_allclose(snapshot.activations("rnn[1]"), states[order], atol=2e-3)
    assert (column(snapshot, "label") == y.numpy()[order]).all()


def test_wrapped_and_lazy_models(tmp_path: Path, data: Data) -> None:
    lazy = nn.Sequential(nn.Flatten(), nn.LazyLinear(5), nn.ReLU(), nn.Linear(5, 3)).eval()
    compiled: Any = torch.compile(lazy, backend="eager")
    with ActiVisLogger(tmp_path, compiled, layers=["2"], strict=True) as logger, torch.no_grad():
        for step in (1, 2):
            with logger.watch(step) as watched:
                for x, y in chunks(data, 9):
                    compiled(x)
                    watched.batch(labels=y)
    check(open_run(tmp_path).latest, lazy, "2", *data)


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


def test_functions_of_a_batch_have_none(tmp_path: Path, data: Data) -> None:
    model = Net().eval()
    with (
        ActiVisLogger(tmp_path, model, columns=lambda batch: {"first": batch[1]}) as logger,
        pytest.warns(ActiVisWarning, match=r"give columns= to watched.batch"),
        logger.watch(1) as watched,
    ):
        model(data[0])
        watched.batch(labels=data[1])


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


def test_log_needs_data(tmp_path: Path) -> None:
    with ActiVisLogger(tmp_path, Net()) as logger, pytest.warns(ActiVisWarning, match="put `with activis.watch"):
        logger.log(1)


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


class Parts(nn.Module):
    """Whose own forward is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.head = nn.Sequential(nn.Linear(6, 5), nn.ReLU()), nn.Linear(5, 3)

    def step(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return functional.cross_entropy(self.head(self.encoder(batch[0]) * 2), batch[1])


@pytest.mark.parametrize("count", [23, 5, 6])
def test_parts_called_one_by_one(tmp_path: Path, count: int) -> None:
    """Between `begin` and `end`, as of a trainer; without a pass of our own."""
    torch.manual_seed(0)
    model, x = Parts().eval(), torch.randn(count, 6)
    y = torch.arange(count) % 3
    with ActiVisLogger(tmp_path, model, layers=["encoder.0", "encoder.1", "head"], strict=True) as logger:
        for step in (1, 2):
            watched = logger.open_watch(step)
            with torch.no_grad():
                model.head(torch.zeros(2, 5))  # belongs to no batch
                for part in torch.arange(count).split(5):
                    watched.begin((x[part], y[part]))
                    model.step((x[part], y[part]))
                    watched.end()
            watched.close()
    run = open_run(tmp_path)
    for step in (1, 2):
        snapshot = run.snapshot(step)
        ids = column(snapshot, "id")
        assert len(ids) == count
        with torch.no_grad():
            hidden = model.encoder(x)
            logits = model.head(hidden * 2)
        np.testing.assert_allclose(snapshot.activations("encoder.1"), hidden.numpy()[ids], atol=2e-3)
        np.testing.assert_allclose(snapshot.activations("head"), logits.numpy()[ids], atol=2e-3)
        assert (column(snapshot, "prediction") == logits.argmax(1).numpy()[ids]).all()
        assert (column(snapshot, "label") == y.numpy()[ids]).all()
