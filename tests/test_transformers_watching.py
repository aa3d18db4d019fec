"""The Trainer's own evaluations become the snapshots: each value is that of a plain call of the model, by instance id."""

import copy
import importlib.util
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import IterableDataset

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning

if importlib.util.find_spec("transformers") is None or importlib.util.find_spec("accelerate") is None:
    pytest.skip("needs transformers and accelerate", allow_module_level=True)

import transformers

from tensorboard_activis.transformers import ActiVisCallback
from tests.test_transformers import LABELS, NAMES, QUESTIONS, bert, examples, plain, trainer, words

LAYERS = ["bert.encoder.layer.1", "classifier"]


def check_by_id(run: Path, step: int, model: Any, rows: range | list[int] | None = None, prefix: str = "") -> None:
    """Compares a snapshot with plain calls of the model, one question at a time.

    Arguments:
        rows: the questions that were evaluated, in the order of their ids; None: all.
        prefix: of the layers' names.
    """
    snapshot = open_run(run).snapshot(step)
    rows = list(range(len(QUESTIONS)) if rows is None else rows)
    ids = snapshot.instances["id"].to_pylist()
    assert sorted(ids) == list(range(len(rows)))
    order = [rows[index] for index in ids]
    for layer in LAYERS:
        expected = plain(copy.deepcopy(model), words(), prefix + layer)
        np.testing.assert_allclose(snapshot.activations(prefix + layer), expected[order], rtol=2e-3, atol=2e-4)
        mean = expected[rows].mean(0)
        np.testing.assert_allclose(snapshot.summary(prefix + layer).mean[0], mean, rtol=1e-4, atol=1e-5)
    assert snapshot.instances["label"].to_pylist() == [NAMES[LABELS[row]] for row in order]
    assert snapshot.instances["prediction"].to_pylist() == [NAMES[int(row.argmax())] for row in expected[order]]
    assert snapshot.instances["text"].to_pylist() == [QUESTIONS[row] for row in order]


def activis(where: Path, **options: Any) -> ActiVisCallback:
    keywords: dict[str, Any] = {"strict": True, "layers": LAYERS}
    return ActiVisCallback(log_dir=where / "run", **keywords | options)


def score(predicted: Any) -> dict[str, float]:
    return {"score": 1.0}


def batch_score(predicted: Any, compute_result: bool) -> dict[str, float]:
    return {"score": 1.0}


def own_loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    return nn.functional.cross_entropy(outputs["logits"], labels)


#: Transformers 4 calls it otherwise.
BY_LENGTH: dict[str, Any] = (
    {"train_sampling_strategy": "group_by_length"}
    if "train_sampling_strategy" in inspect.signature(transformers.TrainingArguments).parameters
    else {"group_by_length": True}
)


@pytest.mark.parametrize(
    ("options", "metrics"),
    [
        ({"eval_do_concat_batches": False}, score),
        ({"eval_accumulation_steps": 1}, score),
        ({"prediction_loss_only": True}, score),
        ({"batch_eval_metrics": True}, batch_score),
        ({"label_smoothing_factor": 0.1}, None),
        (BY_LENGTH, score),
        ({"per_device_eval_batch_size": 1}, None),
        ({"per_device_eval_batch_size": 7}, score),
        ({"dataloader_num_workers": 1}, None),
        ({"torch_empty_cache_steps": 1, "include_for_metrics": ["inputs", "loss"]}, score),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_every_way_of_evaluating(tmp_path: Path, options: dict[str, Any], metrics: Any) -> None:
    made = trainer(
        bert(), words(), tmp_path, activis(tmp_path), max_steps=2, eval_steps=1, eval_strategy="steps", **options
    )
    made.compute_metrics = metrics
    made.train()
    assert open_run(tmp_path / "run").steps == [1, 2]
    check_by_id(tmp_path / "run", 2, made.model)


def test_two_callbacks_watch_one_trainer(tmp_path: Path) -> None:
    callbacks = [activis(tmp_path / name) for name in "ab"]
    made = trainer(bert(), words(), tmp_path, *callbacks)
    made.train()
    for name in "ab":
        check_by_id(tmp_path / name / "run", made.state.global_step, made.model)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in made.model.modules())


class Shuffled(transformers.Trainer):
    """Evaluates in random order."""

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        loader = super().get_eval_dataloader(eval_dataset)
        data: Any = eval_dataset
        return torch.utils.data.DataLoader(data, 3, shuffle=True, collate_fn=loader.collate_fn)


class OwnSteps(transformers.Trainer):
    """Takes the labels out of the batch, and calls the parts of the model by itself."""

    def prediction_step(self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: Any = None) -> Any:
        labels = inputs.pop("labels")
        with torch.no_grad():
            outputs = model(**inputs)
        return nn.functional.cross_entropy(outputs.logits, labels), outputs.logits, labels


class OwnLoss(transformers.Trainer):
    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **options: Any) -> Any:
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        loss = nn.functional.cross_entropy(outputs.logits, labels, label_smoothing=0.2)
        return (loss, outputs) if return_outputs else loss


@pytest.mark.parametrize("kind", [Shuffled, OwnSteps, OwnLoss, None], ids=str)
def test_overridden_methods(tmp_path: Path, kind: Any) -> None:
    rows = examples(words())
    made = (kind or transformers.Trainer)(
        bert(),
        transformers.TrainingArguments(
            str(tmp_path), max_steps=2, report_to=[], use_cpu=True, disable_tqdm=True, per_device_eval_batch_size=3
        ),
        train_dataset=rows,
        eval_dataset=rows,
        processing_class=words(),
        compute_loss_func=own_loss if kind is None else None,
        callbacks=[activis(tmp_path)],
    )
    made.evaluate()
    check_by_id(tmp_path / "run", 0, made.model)


def test_each_set_of_a_dict_and_other_sets_have_runs_of_their_own(tmp_path: Path) -> None:
    rows = examples(words())
    made = trainer(bert(), words(), tmp_path, activis(tmp_path))
    made.eval_dataset = {"easy": rows[:3], "hard": rows[3:]}
    with pytest.warns(ActiVisWarning, match=r"evaluates 2 sets.* run of its own below .*: eval_easy, eval_hard\."):
        made.train()
    made.evaluate(rows[1:3], metric_key_prefix="test")
    for run, expected in (("eval_easy", [0, 1, 2]), ("eval_hard", [3, 4, 5, 6])):
        assert open_run(tmp_path / "run" / run).steps == [4, 8]
        check_by_id(tmp_path / "run" / run, 8, made.model, expected)
    assert open_run(tmp_path / "run" / "test").steps == [8]
    check_by_id(tmp_path / "run" / "test", 8, made.model, [1, 2])


def test_another_set_before_and_after_training_is_beside_the_trainers_own(tmp_path: Path) -> None:
    rows = examples(words())
    made = trainer(bert(), words(), tmp_path, activis(tmp_path), max_steps=3)
    other = rows[4:]
    before = copy.deepcopy(made.model)
    with pytest.warns(ActiVisWarning, match="another set than the trainer's own.* run of its own below, eval_2,"):
        made.evaluate(other)
    made.train()
    made.evaluate(other)
    assert open_run(tmp_path / "run").steps == [3]
    check_by_id(tmp_path / "run", 3, made.model)
    assert open_run(tmp_path / "run" / "eval_2").steps == [0, 3]
    check_by_id(tmp_path / "run" / "eval_2", 0, before, [4, 5, 6])
    check_by_id(tmp_path / "run" / "eval_2", 3, made.model, [4, 5, 6])


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        yield from examples(words())


class Sized(Stream):
    def __len__(self) -> int:
        return len(QUESTIONS)


@pytest.mark.parametrize("stream", [Stream, Sized])
def test_iterable_sets(tmp_path: Path, stream: Any) -> None:
    made = trainer(bert(), words(), tmp_path, activis(tmp_path), max_steps=2, eval_strategy="steps", eval_steps=1)
    made.eval_dataset = stream()
    made.train()
    snapshot = open_run(tmp_path / "run").snapshot(2)
    order = [QUESTIONS.index(text) for text in snapshot.instances["text"].to_pylist()]
    assert sorted(order) == list(range(len(QUESTIONS)))
    for layer in LAYERS:
        expected = plain(made.model, words(), layer)[order]
        np.testing.assert_allclose(snapshot.activations(layer), expected, rtol=2e-3, atol=2e-4)
    assert snapshot.instances["label"].to_pylist() == [NAMES[LABELS[row]] for row in order]
    ids = [set(open_run(tmp_path / "run").snapshot(step).instances["id"].to_pylist()) for step in (1, 2)]
    assert ids[0] == ids[1]


def files(where: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in where.rglob("*") if path.is_file()}


def test_predictions_leave_no_snapshot(tmp_path: Path) -> None:
    made = trainer(bert(), words(), tmp_path, activis(tmp_path), max_steps=2)
    made.predict(made.eval_dataset)
    assert not list((tmp_path / "run").rglob("*tfevents*"))
    made.train()
    before = files(tmp_path / "run")
    made.predict(made.eval_dataset)
    assert files(tmp_path / "run") == before


def test_failures_of_the_metrics_and_of_the_model(tmp_path: Path) -> None:
    def broken(predicted: Any) -> Any:
        raise ValueError("metrics")

    made = trainer(bert(), words(), tmp_path, activis(tmp_path))
    made.compute_metrics = broken
    with pytest.raises(ValueError, match="metrics"):
        made.evaluate()
    check_by_id(tmp_path / "run", 0, made.model)

    def fail(module: Any, args: Any) -> None:
        calls.append(1)
        if len(calls) == 4:  # of which one or two record the graph
            raise ValueError("model")

    failing = trainer(
        bert(), words(), tmp_path, ActiVisCallback(log_dir=tmp_path / "failing", strict=True, layers=LAYERS)
    )
    calls: list[int] = []
    handle = failing.model.classifier.register_forward_pre_hook(fail)
    hooks = sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in failing.model.modules())
    with pytest.raises(ValueError, match="model"):
        failing.evaluate()
    assert hooks == sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) for module in failing.model.modules()
    )
    handle.remove()
    assert not list((tmp_path / "failing").rglob("*tfevents*"))
    failing.evaluate()
    check_by_id(tmp_path / "failing", 0, failing.model)


class Nested(transformers.TrainerCallback):
    """Evaluates the training data, and another trainer's, within an evaluation."""

    def __init__(self) -> None:
        self.trainer: Any = None
        self.other: Any = None
        self.busy = False

    def on_prediction_step(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        if not self.busy:
            self.busy = True
            self.trainer.evaluate(examples(words())[:2], metric_key_prefix="train")
            self.other.evaluate()
            self.busy = False


@pytest.mark.filterwarnings("ignore:ActiVis. evaluate.. was given another set")
def test_evaluations_in_evaluations_and_two_trainers_at_once(tmp_path: Path) -> None:
    nested = Nested()
    nested.trainer = made = trainer(bert(), words(), tmp_path, activis(tmp_path), nested)
    nested.other = other = trainer(bert(1), words(), tmp_path, activis(tmp_path / "other"))
    made.evaluate()
    check_by_id(tmp_path / "run", 0, made.model)
    check_by_id(tmp_path / "run" / "train", 0, made.model, [0, 1])
    check_by_id(tmp_path / "other" / "run", 0, other.model)


class Counter(nn.Module):
    """Counts the instances that a model is called with in evaluation mode."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.passes = self.instances = 0
        model.register_forward_pre_hook(self.count, with_kwargs=True)

    def count(self, module: Any, args: Any, kwargs: Any) -> None:
        if not module.training:
            self.passes += 1
            self.instances += len(kwargs["input_ids"])


def test_no_second_pass_and_training_is_bit_identical(tmp_path: Path) -> None:
    ends: list[Any] = []
    for callbacks in ([], [activis(tmp_path, layers=None)]):
        model = bert()
        counter = Counter(model)
        made = trainer(model, words(), tmp_path, *callbacks, num_train_epochs=4)
        made.compute_metrics = lambda predicted: {"sum": float(predicted.predictions.sum())}
        made.train()
        made.evaluate()
        logs = [
            {key: value for key, value in entry.items() if not key.endswith(("runtime", "per_second"))}
            for entry in made.state.log_history
        ]
        optimizer = [value for state in made.optimizer.state_dict()["state"].values() for value in state.values()]
        ends.append((list(model.state_dict().values()) + optimizer, torch.get_rng_state(), logs, counter))
    (tensors, random, logs, counts), (others, other_random, other_logs, other_counts) = ends
    assert all(torch.equal(one, other) for one, other in zip(tensors, others, strict=True))
    assert torch.equal(random, other_random)
    assert logs == other_logs
    assert counts.instances == 5 * len(QUESTIONS)
    assert counts.instances < other_counts.instances <= counts.instances + 64
    assert open_run(tmp_path / "run").steps == [4, 8, 12, 16]


def test_the_model_is_traced_once_for_all_evaluations(tmp_path: Path) -> None:
    counts = []
    for callbacks in ([], [activis(tmp_path)]):
        model = bert()
        counter = Counter(model)
        made = trainer(model, words(), tmp_path, *callbacks, max_steps=2)
        evaluated = []
        for work in (made.evaluate, made.evaluate, made.train, made.evaluate, made.evaluate):
            work()
            evaluated.append(counter.instances)
        counts.append(np.diff(evaluated, prepend=0))
    assert counts[0].tolist() == [len(QUESTIONS)] * 5
    assert 0 < counts[1][0] - counts[0][0] <= 64
    assert (counts[1] - counts[0])[1:].tolist() == [0] * 4
    check_by_id(tmp_path / "run", 2, made.model)


def test_two_trainers_that_evaluate_in_turn_into_one_directory(tmp_path: Path) -> None:
    ours, theirs = (trainer(bert(seed), words(), tmp_path, activis(tmp_path)) for seed in (1, 2))
    for made in (ours, theirs, ours):
        made.evaluate()
        check_by_id(tmp_path / "run", 0, made.model)


def test_the_last_snapshot_is_of_the_weights_of_its_step(tmp_path: Path) -> None:
    class Weights(transformers.TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
            at[state.global_step] = copy.deepcopy(objects["model"])

    at: dict[int, Any] = {}
    scores = iter([1.0, 0.0])
    made = trainer(
        bert(),
        words(),
        tmp_path,
        Weights(),
        activis(tmp_path),
        max_steps=5,
        eval_strategy="steps",
        eval_steps=2,
        save_strategy="steps",
        save_steps=2,
        load_best_model_at_end=True,
        metric_for_best_model="score",
        learning_rate=0.05,
    )
    made.compute_metrics = lambda predicted: {"score": next(scores, 0.0)}
    made.train()
    # Transformers 5 evaluates after the last step too, 4.50 at multiples of eval_steps only.
    evaluated = [entry["step"] for entry in made.state.log_history if "eval_loss" in entry]
    assert evaluated[:2] == [2, 4]
    with pytest.warns(ActiVisWarning, match="best weights, those of step 2 .*nothing is logged at step 5"):
        made.evaluate()
    run = open_run(tmp_path / "run")
    assert run.steps == evaluated
    for step in run.steps:
        check_by_id(tmp_path / "run", step, at[step])
