"""Effects by gradients are those of plain autograd, instance by instance; logging them leaves training as it is."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError, NotFoundError
from tensorboard_activis.summarize.sample import ranks
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.effects import CLASSES, Cnn, Text, errors_of, images, logged, plain_gradients, text_batches, texts

CLOSE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(5)


def test_dense_layers(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(36, 9), nn.Tanh(), nn.Linear(9, CLASSES))
    x, y = images()
    x = x.flatten(1)
    snapshot = logged(tmp_path, model, (x, y), layers=["0", "1", "2"])
    margins, plain = plain_gradients(model, x, y, ["0", "1", "2"])
    wrong = np.flatnonzero(margins < 0)
    for layer, (output, gradient) in plain.items():
        effects = snapshot.gradient_effects(layer)
        ids = errors_of(snapshot, layer)
        assert sorted(ids.tolist()) == wrong.tolist()
        assert effects.wrong == wrong.size
        assert not effects.has_positions
        np.testing.assert_allclose(effects.gradient, gradient[ids], **CLOSE)
        np.testing.assert_allclose(effects.product, (gradient * output)[ids], rtol=2e-3, atol=1e-4)


def test_maps(tmp_path: Path) -> None:
    model, (x, y) = Cnn(), images()
    layers = ["conv", "norm", "act", "hidden", "hidden/tanh", "head"]
    snapshot = logged(tmp_path, model, list(zip(x.split(8), y.split(8), strict=True)), layers=layers)
    modules = ["conv", "norm", "act", "hidden", "head"]
    _, plain = plain_gradients(model, x, y, modules)
    for layer in modules:
        output, gradient = plain[layer]
        effects, ids = snapshot.gradient_effects(layer), errors_of(snapshot, layer)
        over = tuple(range(2, output.ndim))
        assert effects.has_positions == bool(over)
        np.testing.assert_allclose(effects.gradient, gradient.sum(over)[ids], **CLOSE)
        np.testing.assert_allclose(effects.product, (gradient * output).sum(over)[ids], rtol=2e-3, atol=1e-4)
    hidden, gradient = plain["hidden"]
    by_tanh = snapshot.gradient_effects("hidden/tanh").gradient * (
        1 - np.tanh(hidden[errors_of(snapshot, "hidden/tanh")]) ** 2
    )
    np.testing.assert_allclose(by_tanh, gradient[errors_of(snapshot, "hidden/tanh")], **CLOSE)


def test_padding_never_counts(tmp_path: Path) -> None:
    model, (inputs, y) = Text(), texts()
    snapshot = logged(tmp_path, model, text_batches(), layers=["embedding", "block", "block.linear1", "head"])
    _, plain = plain_gradients(model, inputs, y, ["embedding", "block", "block.linear1", "head"])
    real = inputs["attention_mask"].numpy()[:, :, None]
    for layer, (output, gradient) in plain.items():
        effects, ids = snapshot.gradient_effects(layer), errors_of(snapshot, layer)
        if output.ndim == 3:
            output, gradient = output * real, gradient * real
            np.testing.assert_allclose(effects.product, (output * gradient).sum(1)[ids], **CLOSE)
            gradient = gradient.sum(1)
        np.testing.assert_allclose(effects.gradient, gradient[ids], **CLOSE)


def test_heads_are_neurons(tmp_path: Path) -> None:
    """A head's product is the derivative of the margin with respect to a factor at its output, before the projection."""
    model, (inputs, y) = Text(), texts()
    snapshot = logged(tmp_path, model, text_batches(), layers=["block.self_attn/heads", "head"])
    effects = snapshot.gradient_effects("block.self_attn/heads")
    ids = errors_of(snapshot, "block.self_attn/heads")
    projection = model.block.self_attn.out_proj
    weight, step = projection.weight.detach().clone(), 1e-3
    ours = {name: each[torch.as_tensor(ids)] for name, each in inputs.items()}
    derivatives = np.zeros((len(ids), 2))
    for head in range(2):
        sides = []
        for sign in (1, -1):
            with torch.no_grad():
                projection.weight[:, 4 * head : 4 * head + 4] = weight[:, 4 * head : 4 * head + 4] * (1 + sign * step)
            sides.append(plain_gradients(model, ours, y[torch.as_tensor(ids)], [])[0])
            with torch.no_grad():
                projection.weight.copy_(weight)
        difference = (sides[0].astype(float) - sides[1]) / (2 * step)
        np.testing.assert_allclose(effects.product[:, head], difference, atol=3e-3)
        derivatives[:, head] = difference
    assert "No effects of" not in " ".join(snapshot.notes)

    # What is said of them: behind the errors together, their derivatives summed; of one error, scaled to the class's mean.
    errors = snapshot.effects("block.self_attn/heads", "all").errors
    assert errors is not None
    assert (errors.estimate.method, errors.n) == ("gradients", len(ids))
    mean = -derivatives.mean(axis=0)
    assert [one.neuron for one in errors.neurons] == [one for one in np.argsort(-mean) if mean[one] > 0]
    assert [one.effect for one in errors.neurons] == pytest.approx(
        [mean[one.neuron] for one in errors.neurons], abs=3e-3
    )
    activations = snapshot.activations("block.self_attn/heads").astype(float)
    labels = np.array(snapshot.instances["label"].to_pylist())
    for place, index in enumerate(effects.rows[:6]):
        factor = activations[labels == labels[index]].mean(axis=0) / activations[index]
        contrast = snapshot.instance_detail("block.self_attn/heads", int(index)).contrast
        assert contrast is not None
        assert contrast.estimate.method == "gradients"
        for told in contrast.neurons:
            expected = (factor[told.neuron] - 1) * derivatives[place, told.neuron]
            assert told.estimated == pytest.approx(expected, abs=5e-3)


def test_recurrent_layers_with_packed_sequences(tmp_path: Path) -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.lstm, self.head = nn.Embedding(20, 5), nn.LSTM(5, 6, batch_first=True), nn.Linear(6, 4)

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            lengths = attention_mask.sum(1)
            packed = nn.utils.rnn.pack_padded_sequence(
                self.embedding(input_ids), lengths, batch_first=True, enforce_sorted=False
            )
            output, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
            logits: torch.Tensor = self.head(output.sum(1))
            return logits

    model, (inputs, _) = Recurrent(), texts()
    snapshot = logged(tmp_path, model, text_batches(), layers=["lstm[0]", "head"])
    effects, ids = snapshot.gradient_effects("lstm[0]"), errors_of(snapshot, "lstm[0]")
    head = snapshot.gradient_effects("head")
    weight = model.head.weight.detach().numpy()
    # Each real step's gradient is the head's, and there are as many as the text has tokens.
    lengths = inputs["attention_mask"].sum(1).numpy()[ids]
    np.testing.assert_allclose(effects.gradient, (head.gradient @ weight) * lengths[:, None], **CLOSE)


@pytest.mark.parametrize("width", [1, 2])
def test_two_classes_and_probabilities(tmp_path: Path, width: int) -> None:
    x, _ = images(30)
    x, y = x.flatten(1), torch.randint(0, 2, (30,))
    body = nn.Sequential(nn.Linear(36, 5), nn.Tanh(), nn.Linear(5, width))
    squashed = nn.Sequential(body, nn.Sigmoid() if width == 1 else nn.Softmax(-1))
    logits = logged(tmp_path / "a", body, (x, y), layers=["1"], task="classification").gradient_effects("1")
    probable = logged(tmp_path / "b", squashed, (x, y), layers=["0.1"], task="classification").gradient_effects("0.1")
    assert logits.rows.size > 5
    np.testing.assert_allclose(logits.gradient, probable.gradient, rtol=1e-3, atol=1e-5)
    both = body.get_parameter("2.weight").detach().numpy()
    toward = both[0] if width == 1 else both[1] - both[0]
    run = open_run(tmp_path / "a").latest
    label = np.array(run.instances["label"].to_pylist())[logits.rows]
    np.testing.assert_allclose(logits.gradient, np.where(label[:, None] == 1, toward, -toward), **CLOSE)


def test_at_most_a_share_of_all_instances_those_of_lowest_hash(tmp_path: Path) -> None:
    model, (x, y) = Cnn(), images()
    snapshot = logged(tmp_path, model, (x, y), effects_share=0.1, layers=["hidden"], sample=40)
    margins, _ = plain_gradients(model, x, y, ["hidden"])
    sampled = np.argsort(ranks(list(range(60))), kind="stable")[:40]
    wrong = sampled[margins[sampled] < 0]
    assert errors_of(snapshot, "hidden").tolist() == wrong[:6].tolist()
    assert snapshot.gradient_effects("hidden").wrong == wrong.size
    said = f"Effects are of 6 of {wrong.size} kept wrong instances, the first of the sample: effects_share=0.1 of 60"
    assert any(said in note for note in snapshot.notes)


def test_inputs_of_many_errors_take_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, (x, y) = Cnn(), images(200)
    monkeypatch.setattr("tensorboard_activis.capture.effects.errors.MOST_BYTES", 40 * 36 * 4)
    snapshot = logged(tmp_path, model, list(zip(x.split(8), y.split(8), strict=True)), layers=["hidden"])
    effects = snapshot.gradient_effects("hidden")
    assert 20 <= effects.rows.size <= 40
    assert effects.wrong > 100
    wrong = np.flatnonzero(~np.array(snapshot.instances["correct"].to_pylist()).astype(bool))
    assert effects.rows.tolist() == wrong[: effects.rows.size].tolist()
    assert any("take more memory" in note for note in snapshot.notes)


def train(log_dir: Path | None, effects: str | None) -> tuple[Any, ...]:
    torch.manual_seed(3)
    model, (x, y) = Cnn(), images()
    model.conv.weight.requires_grad_(False)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    logger = None if log_dir is None else ActiVisLogger(log_dir, model, (x, y), effects=effects, strict=True)
    gradients = []
    for step in range(4):
        model.train()
        nn.functional.cross_entropy(model(x), y).backward()
        if logger is not None:
            logger.log(step)
        gradients.append([None if each.grad is None else each.grad.clone() for each in model.parameters()])
        optimizer.step()
        optimizer.zero_grad()
    if logger is not None and log_dir is not None:
        logger.close()
        assert open_run(log_dir).latest.gradient_effects("act").rows.size
    return model.state_dict(), optimizer.state_dict()["state"], gradients, torch.get_rng_state(), model.training


@pytest.mark.parametrize("effects", ["gradients", "tried"])
def test_training_is_bit_for_bit_the_same(tmp_path: Path, effects: str) -> None:
    plain, with_effects = train(None, None), train(tmp_path, effects)
    torch.testing.assert_close(with_effects, plain, rtol=0, atol=0)


def test_backward_hooks_and_gradients_of_the_user_are_left_alone(tmp_path: Path) -> None:
    model, (x, y) = Cnn(), images()
    called = []
    model.hidden.register_full_backward_hook(lambda *each: called.append("module"))
    model.hidden.weight.register_hook(lambda gradient: called.append("parameter"))
    logged(tmp_path, model, (x, y))
    assert not called
    assert all(parameter.grad is None for parameter in model.parameters())
    model(x).sum().backward()
    assert called == ["module", "parameter"] or called == ["parameter", "module"]


def test_frozen_parameters_have_effects_all_the_same(tmp_path: Path) -> None:
    model, (x, y) = Cnn(), images()
    free = logged(tmp_path / "a", model, (x, y), layers=["conv", "hidden"])
    model.requires_grad_(False)
    frozen = logged(tmp_path / "b", model, (x, y), layers=["conv", "hidden"])
    for layer in ("conv", "hidden"):
        assert (free.gradient_effects(layer).gradient == frozen.gradient_effects(layer).gradient).all()
    assert not any(parameter.requires_grad for parameter in model.parameters())


class Without(nn.Module):
    """A part that runs without gradients, and one that is computed beside."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.beside, self.last, self.head = (
            nn.Linear(36, 6),
            nn.Linear(6, 3),
            nn.Linear(6, 5),
            nn.Linear(5, 4),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            hidden = self.first(x)
        self.beside(hidden)
        logits: torch.Tensor = self.head(torch.tanh(self.last(torch.sign(hidden))))
        return logits


def test_a_layer_without_a_gradient_is_left_out_by_name(tmp_path: Path) -> None:
    x, y = images()
    snapshot = logged(tmp_path, Without(), (x.flatten(1), y), layers=["first", "beside", "last", "head"])
    assert snapshot.gradient_effects("last").rows.size
    assert snapshot.gradient_effects("head").rows.size
    for layer in ("first", "beside"):
        with pytest.raises(NotFoundError, match=f"No effects of the layer '{layer}'"):
            snapshot.gradient_effects(layer)
    said = "No effects of first, beside: the score does not depend on it by a gradient."
    assert said in snapshot.notes


class Drawing(Cnn):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + 5 * torch.rand(len(x), CLASSES)


class Coupled(Cnn):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = super().forward(x)
        return logits + 3 * torch.arange(CLASSES) * logits.std(0).sum() * len(x)


class Stateful(Cnn):
    """Fails where there are gradients."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            raise RuntimeError("no gradients here")
        return super().forward(x)


@pytest.mark.parametrize(("kind", "said"), [(Drawing, "gave them other scores"), (Coupled, "gave them other scores")])
def test_instances_that_cannot_be_run_alone_have_no_effects(tmp_path: Path, kind: type[nn.Module], said: str) -> None:
    snapshot = logged(tmp_path, kind(), images(), layers=["hidden"])
    effects = snapshot.gradient_effects("hidden")
    assert effects.rows.size < effects.wrong / 2
    assert any(said in note for note in snapshot.notes)


def test_a_model_that_fails_with_gradients_loses_the_effects_and_nothing_else(tmp_path: Path) -> None:
    snapshot = logged(tmp_path, Stateful(), images(), layers=["hidden"])
    assert snapshot.activations("hidden").shape == (60, 7)
    assert snapshot.record.metrics["accuracy"] < 0.9
    assert any("RuntimeError: no gradients here" in note for note in snapshot.notes)
    assert not snapshot.gradient_effects("hidden").rows.size


@pytest.mark.parametrize(
    ("labels", "options", "said"),
    [
        (None, {"class_names": list("abcd")}, "without labels no instance is known to be wrong"),
        (torch.randn(60), {"output": lambda output: output[:, 0]}, "the task is regression"),
        (torch.randint(0, 2, (60, CLASSES)).float(), {}, "the task is multilabel"),
        (torch.randint(0, 2, (60,)), {"task": "none"}, "the task is none"),
    ],
)
def test_tasks_without_a_margin_are_refused_in_words(tmp_path: Path, labels: Any, options: Any, said: str) -> None:
    x, _ = images()
    data = x if labels is None else (x, labels)
    snapshot = logged(tmp_path, Cnn(), data, layers=["hidden"], **options)
    assert any("No effects were recorded" in note and said in note for note in snapshot.notes)
    with pytest.raises(NotFoundError, match="No effects were recorded"):
        snapshot.gradient_effects("hidden")


@pytest.mark.parametrize("effects", ["gradients", "tried"])
def test_where_all_are_right_there_is_nothing_to_do(tmp_path: Path, effects: str) -> None:
    model, (x, _) = Cnn(), images()
    model.eval()
    snapshot = logged(tmp_path, model, (x, model(x).argmax(1)), effects=effects, layers=["hidden", "conv"])
    found = snapshot.gradient_effects("hidden")
    assert (found.gradient.shape, found.product.shape, found.wrong) == ((0, 7), (0, 7), 0)
    assert not snapshot.notes


def test_nan_costs_its_instances(tmp_path: Path) -> None:
    model, (x, y) = Cnn(), images()
    x[::2] = torch.nan
    snapshot = logged(tmp_path, model, (x, y), layers=["hidden"])
    ids = errors_of(snapshot, "hidden")
    assert ids.size
    assert (ids % 2 == 1).all()
    assert np.isfinite(snapshot.gradient_effects("hidden").gradient).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"effects": "gradient"}, 'effects must be "gradients", "tried"'),
        ({"effects": True}, "got True"),
        ({"effects": "gradients", "effects_share": 0}, "effects_share must be a share"),
        ({"effects": "gradients", "effects_share": 1.5}, "got 1.5"),
        ({"effects": "gradients", "effects_share": True}, "got True"),
        ({"effects": "gradients", "effects_share": float("nan")}, "got nan"),
        ({"effects": "gradients", "unit": "position"}, "effects= needs whole instances"),
    ],
)
def test_wrong_options_are_refused_when_the_logger_is_made(tmp_path: Path, options: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        ActiVisLogger(tmp_path, Cnn(), images(), **options)


def test_a_model_that_is_spread_over_processes_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, data = Cnn(), images()
    with ActiVisLogger(tmp_path, model, data) as activis:
        recorded = copy.copy(activis._capture.recorded)
    recorded.sharded = True
    from tensorboard_activis.capture.distributed.processes import SingleProcess
    from tensorboard_activis.capture.torch.rerun import effect_plan

    options = {"effects": "gradients", "effects_share": 0.05}
    with pytest.warns(ActiVisWarning, match="no effects are measured, because the model's parameters are spread"):
        assert effect_plan(options, recorded, SingleProcess()) is None
