"""What the watch of a Trainer tells its loggers: which run, which step, which batches and labels. The loggers only note it."""

import copy
import gc
import importlib.util
import pickle
import weakref
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

if importlib.util.find_spec("transformers") is None or importlib.util.find_spec("accelerate") is None:
    pytest.skip("needs transformers and accelerate", allow_module_level=True)

import transformers

from tensorboard_activis.errors import ActiVisWarning
from tensorboard_activis.transformers import ActiVisCallback
from tests.test_transformers import LABELS, bert, examples, trainer, words


class Watched:
    """Notes the labels of its batches; "?" stands for passes that were to be ignored."""

    def __init__(self, run: str, step: int) -> None:
        self.run, self.step, self.ignored = run, step, 0
        self.seen: list[Any] = []

    def begin(self, raw: Any) -> None:
        self.size = len(raw["input_ids"])

    def end(self, labels: Any = None, outputs: Any = None) -> None:
        self.seen += [None] * self.size if labels is None else labels.tolist()

    @contextmanager
    def ignoring(self) -> Any:
        self.ignored += 1
        yield

    def close(self, error: BaseException | None = None) -> None:
        Logger.closed.append((self.run, self.step, "failed" if error is not None else self.seen))


class Logger:
    """Stands in for ActiVisLogger."""

    closed: list[Any]
    root: Path
    open: set["Logger"]
    made: int

    def __init__(self, directory: Any, model: Any, data: Any, **options: Any) -> None:
        assert data is None
        self.run = "" if Path(directory) == Logger.root else Path(directory).relative_to(Logger.root).as_posix()
        self.model = model
        Logger.open.add(self)
        Logger.made += 1

    def weights_version(self) -> Any:
        return tuple((id(each), each._version) for each in self.model.parameters())

    def open_watch(self, step: int, loader: Any = None) -> Watched:
        Logger.open.add(self)
        return Watched(self.run, step)

    def close(self) -> None:
        Logger.open.discard(self)

    suspend = close


@pytest.fixture
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """(run, step, labels by order) of each evaluation that was watched to its end."""
    monkeypatch.setattr("tensorboard_activis.transformers.ActiVisLogger", Logger)
    Logger.closed, Logger.root, Logger.open, Logger.made = [], tmp_path / "run", set(), 0
    return Logger.closed


def watched_trainer(where: Path, *callbacks: Any, **options: Any) -> Any:
    rows = options.pop("eval_dataset", None)
    made = trainer(bert(), words(), where, ActiVisCallback(log_dir=where / "run", strict=True), *callbacks, **options)
    if rows is not None:
        made.eval_dataset = rows
    return made


def test_every_evaluation_of_a_training(tmp_path: Path, logged: list[Any]) -> None:
    made = watched_trainer(tmp_path)
    made.train()
    assert logged == [("", 4, LABELS), ("", 8, LABELS)]
    assert not Logger.open
    made.evaluate()
    made.predict(made.eval_dataset)
    assert logged[2:] == [("", 8, LABELS)]
    assert not Logger.open


def test_sets_of_a_dict_by_name(tmp_path: Path, logged: list[Any]) -> None:
    rows = examples(words())
    made = watched_trainer(tmp_path, max_steps=4, eval_dataset={"easy": rows[:3], "../hard": rows[3:]})
    with pytest.warns(ActiVisWarning, match=r"evaluates 2 sets.* below .*run: eval_easy, eval_.._hard\.") as caught:
        made.train()
        made.evaluate(made.eval_dataset["easy"])
    assert len(caught) == 1
    assert logged == [("eval_easy", 4, LABELS[:3]), ("eval_.._hard", 4, LABELS[3:]), ("eval_easy", 4, LABELS[:3])]


def test_other_sets_have_their_prefix_or_a_number(tmp_path: Path, logged: list[Any]) -> None:
    rows = examples(words())
    first, second, third = rows[:2], rows[2:4], rows[4:6]  # of equal length
    made = watched_trainer(tmp_path, max_steps=4)
    with pytest.warns(ActiVisWarning, match="given another set than the trainer's own") as caught:
        made.evaluate(first)
        made.train()
        for rows in (first, second):
            made.evaluate(rows)
        made.evaluate(third, metric_key_prefix="test")
        made.evaluate(first, metric_key_prefix="test")
        made.evaluate(made.eval_dataset, metric_key_prefix="final")
        made.evaluate({"a": second, "b": third})
    assert len(caught) == 1
    assert logged == [
        ("eval_2", 0, LABELS[:2]),
        ("", 4, LABELS),
        ("eval_2", 4, LABELS[:2]),
        ("eval_3", 4, LABELS[2:4]),
        ("test", 4, LABELS[4:6]),
        ("test_2", 4, LABELS[:2]),
        ("", 4, LABELS),
        ("eval_a", 4, LABELS[2:4]),
        ("eval_b", 4, LABELS[4:6]),
    ]


class Made(torch.utils.data.Dataset[Any]):
    """Rows of the evaluation set in an object of its own."""

    def __init__(self, first: int, last: int) -> None:
        self.rows = examples(words())[first:last]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        return self.rows[index]


@pytest.mark.filterwarnings("ignore:ActiVis. evaluate.. was given another set")
def test_a_set_that_is_made_anew_keeps_its_run(tmp_path: Path, logged: list[Any]) -> None:
    class Evaluating(transformers.TrainerCallback):
        def on_epoch_end(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
            for bounds in ((0, 2), (2, 4)):
                made.evaluate(Made(*bounds), metric_key_prefix="part")

    made = watched_trainer(tmp_path, Evaluating())
    made.train()
    names = [(run, step) for run, step, _ in logged if run]
    assert names == [("part", 4), ("part_2", 4), ("part", 8), ("part_2", 8)]


def test_predictions_are_not_watched_and_nested_evaluations_are_apart(tmp_path: Path, logged: list[Any]) -> None:
    rows = examples(words())

    class Nested(transformers.TrainerCallback):
        depth = 0

        def on_prediction_step(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
            if self.depth:
                return
            self.depth = 1
            made.predict(rows[:3])
            made.evaluate(rows[4:], metric_key_prefix="inner")
            self.depth = 0

    made = watched_trainer(tmp_path, Nested(), per_device_eval_batch_size=7)
    with pytest.warns(ActiVisWarning, match="another set"):
        made.evaluate()
    assert logged == [("inner", 0, LABELS[4:]), ("", 0, LABELS)]


class Weights(transformers.TrainerCallback):
    """Notes the weights of every step."""

    def __init__(self) -> None:
        self.at: dict[int, Any] = {}

    def on_step_end(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        self.at[state.global_step] = {name: value.clone() for name, value in objects["model"].state_dict().items()}


def best_trainer(where: Path, *callbacks: Any, best: int, **options: Any) -> Any:
    """Evaluates at steps 2, 4 and 6, of which the `best`-th is the best; these weights are loaded at the end."""
    scores = iter([0.0] * (best - 1) + [1.0] + [0.0] * 9)
    made = watched_trainer(
        where,
        *callbacks,
        max_steps=6,
        eval_strategy="steps",
        eval_steps=2,
        save_strategy="steps",
        save_steps=2,
        load_best_model_at_end=True,
        metric_for_best_model="score",
        **options,
    )
    made.compute_metrics = lambda predicted: {"score": next(scores)}
    return made


def test_best_weights_are_those_of_their_step(tmp_path: Path, logged: list[Any]) -> None:
    made = best_trainer(tmp_path, best=1)
    made.train()
    assert [step for _, step, _ in logged] == [2, 4, 6]
    with pytest.warns(ActiVisWarning, match="those of step 2 .*The snapshot of step 2 shows them.* at step 6"):
        made.evaluate()
    assert len(logged) == 3
    with pytest.warns(ActiVisWarning) as caught:
        made.evaluate(examples(words())[:2], metric_key_prefix="test")
    assert logged[3:] == [("test", 2, LABELS[:2])]
    assert any("filed under step 2" in str(one.message) for one in caught)


def test_best_weights_of_the_last_step_are_logged_again(tmp_path: Path, logged: list[Any]) -> None:
    made = best_trainer(tmp_path, best=3)
    made.train()
    made.evaluate()
    assert [step for _, step, _ in logged] == [2, 4, 6, 6]


def test_other_weights_replace_no_snapshot(tmp_path: Path, logged: list[Any]) -> None:
    made = watched_trainer(tmp_path, max_steps=4)
    made.train()
    with torch.no_grad():
        made.model.classifier.bias.add_(1)
    with pytest.warns(ActiVisWarning, match="at step 4 ran on other weights .* were written to since"):
        made.evaluate()
    assert logged == [("", 4, LABELS)]
    made.train()  # from step 0 again
    assert logged[1:] == [("", 4, LABELS)]


def test_what_fails_is_not_logged_except_after_the_last_batch(tmp_path: Path, logged: list[Any]) -> None:
    def broken(predicted: Any) -> Any:
        raise ValueError("metrics")

    made = watched_trainer(tmp_path)
    made.compute_metrics = broken
    with pytest.raises(ValueError, match="metrics"):
        made.evaluate()
    assert logged == [("", 0, LABELS)]

    failing = watched_trainer(tmp_path)
    calls = []

    def fail_at_the_second(module: Any, args: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise ValueError("model")

    failing.model.register_forward_pre_hook(fail_at_the_second)
    with pytest.raises(ValueError, match="model"):
        failing.evaluate()
    assert logged[1:] == [("", 0, "failed")]
    failing.evaluate()
    assert logged[2:] == [("", 0, LABELS)]


def test_metrics_by_batch_that_fail_leave_nothing(tmp_path: Path, logged: list[Any]) -> None:
    def broken(predicted: Any, compute_result: bool) -> Any:
        raise ValueError("metrics")

    made = watched_trainer(tmp_path, batch_eval_metrics=True)
    made.compute_metrics = broken
    with pytest.raises(ValueError, match="metrics"):
        made.evaluate()
    assert logged == [("", 0, "failed")]


def test_a_callback_that_comes_late(tmp_path: Path, logged: list[Any]) -> None:
    made = trainer(bert(), words(), tmp_path)
    made.add_callback(ActiVisCallback(log_dir=tmp_path / "run", strict=True))
    with pytest.warns(ActiVisWarning, match="this evaluation is not logged, later ones are") as caught:
        made.evaluate()
        made.evaluate()
    assert len(caught) == 1
    assert logged == [("", 0, LABELS)]
    other = trainer(bert(), words(), tmp_path)
    other.add_callback(ActiVisCallback(log_dir=tmp_path / "run", strict=True))
    other.train()  # in time
    assert logged[1:] == [("", 4, LABELS), ("", 8, LABELS)]


def test_an_evaluation_loop_of_the_users_own(tmp_path: Path, logged: list[Any]) -> None:
    class Own(transformers.Trainer):
        def evaluate(self, *args: Any, **kwargs: Any) -> Any:
            control: Any = transformers.TrainerControl()
            self.control = self.callback_handler.on_evaluate(self.args, self.state, control, {})
            return {}

    callback = ActiVisCallback(log_dir=tmp_path / "run", strict=True)
    made = Own(bert(), made_arguments(tmp_path), eval_dataset=examples(words()), callbacks=[callback])
    with pytest.warns(ActiVisWarning, match="an evaluation of Own is not logged: it does not call evaluation_loop"):
        made.evaluate()
    assert logged == []


def made_arguments(where: Path, **options: Any) -> Any:
    return transformers.TrainingArguments(str(where), report_to=[], use_cpu=True, disable_tqdm=True, **options)


def test_overridden_methods_and_those_set_on_the_instance(tmp_path: Path, logged: list[Any]) -> None:
    rows = examples(words())

    class Own(transformers.Trainer):
        steps = 0

        def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
            return super().get_eval_dataloader(rows[2:] if eval_dataset is rows else eval_dataset)

        def prediction_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            self.steps += 1
            inputs = dict(inputs)
            labels = inputs.pop("labels")
            return super().prediction_step(model, {**inputs, "labels": labels}, *args, **kwargs)

    callback = ActiVisCallback(log_dir=tmp_path / "run", strict=True)
    made = Own(bert(), made_arguments(tmp_path), processing_class=words(), eval_dataset=rows, callbacks=[callback])
    made.evaluate()
    assert logged == [("", 0, LABELS[2:])]
    assert made.steps == 1
    mine = made.evaluation_loop
    made.evaluation_loop = lambda *args, **kwargs: mine(*args, **kwargs)  # wrapped after the watch
    made.evaluate()
    assert len(logged) == 2
    made.remove_callback(ActiVisCallback)
    made.evaluate()
    assert len(logged) == 2


def test_the_trainer_is_freed_copied_and_pickled_as_before(tmp_path: Path, logged: list[Any]) -> None:
    made = watched_trainer(tmp_path)
    copied = copy.deepcopy(made)
    loaded = pickle.loads(pickle.dumps(made))
    for each in (copied, loaded):
        assert each.evaluation_loop.watch is each.prediction_step.watch is not made.evaluation_loop.watch
        (callback,) = (one for one in each.callback_handler.callbacks if isinstance(one, ActiVisCallback))
        assert each.evaluation_loop.watch.callback is callback
        each.evaluate()
    assert logged == [("", 0, LABELS)] * 2
    assert "classifier.bias" in dict(made.model.named_parameters())
    made.evaluate()
    gc.collect()
    gc.disable()
    try:
        reference = weakref.ref(made)
        del made
        assert reference() is None
    finally:
        gc.enable()


def test_two_trainers_at_once_and_one_callback_of_two(tmp_path: Path, logged: list[Any]) -> None:
    rows = examples(words())
    callback = ActiVisCallback(log_dir=tmp_path / "run", strict=True)
    one, other = (trainer(bert(), words(), tmp_path, callback) for _ in range(2))
    other.eval_dataset = rows[:2]

    class Evaluating(transformers.TrainerCallback):
        def on_prediction_step(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
            other.evaluate()

    one.add_callback(Evaluating())
    one.args.per_device_eval_batch_size = 7
    one.evaluate()
    assert logged == [("", 0, LABELS[:2]), ("", 0, LABELS)]
