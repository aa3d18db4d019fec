"""The callback for Hugging Face's Trainer: right numbers and texts, training untouched, directories by themselves."""

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError

if importlib.util.find_spec("transformers") is None or importlib.util.find_spec("accelerate") is None:
    pytest.skip("needs transformers and accelerate", allow_module_level=True)

import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tensorboard_activis.transformers import ActiVisCallback
from tests.interrupting import check_interrupts
from tests.torch.process_state import process_state

WORDS = ("who", "what", "is", "the", "cat", "dog", "old", "far")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
QUESTIONS = [
    "who is the cat",
    "what is the old dog",
    "who is far",
    "the cat",
    "what is",
    "is the dog far who",
    "old cat",
]
LABELS = [0, 1, 0, 2, 1, 0, 2]
NAMES = {0: "person", 1: "thing", 2: "none"}


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)


def words() -> Any:
    """A tokenizer of whole words."""
    known = Tokenizer(
        models.WordLevel({word: index for index, word in enumerate((*SPECIAL, *WORDS))}, unk_token="[UNK]")
    )
    known.pre_tokenizer = pre_tokenizers.Whitespace()
    known.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=known, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


@pytest.fixture
def tokenizer() -> Any:
    return words()


def bert(seed: int = 0, **options: Any) -> Any:
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=10,
        max_position_embeddings=16,
        id2label=NAMES,
        **options,
    )
    return transformers.BertForSequenceClassification(config)


def examples(tokenizer: Any) -> list[dict[str, Any]]:
    """Of unequal lengths; `note` is nothing that the model takes."""
    return [{**tokenizer(text), "label": label, "note": text} for text, label in zip(QUESTIONS, LABELS, strict=True)]


def trainer(model: Any, tokenizer: Any, where: Path, *callbacks: Any, **options: Any) -> Any:
    arguments: dict[str, Any] = {
        "output_dir": str(where),
        "num_train_epochs": 2,
        "per_device_train_batch_size": 2,
        "per_device_eval_batch_size": 3,
        "eval_strategy": "epoch",
        "save_strategy": "no",
        "report_to": [],
        "use_cpu": True,
        "disable_tqdm": True,
        "seed": 1,
    } | options
    rows = examples(tokenizer)
    return transformers.Trainer(
        model,
        transformers.TrainingArguments(**arguments),
        train_dataset=rows,
        eval_dataset=rows,
        processing_class=tokenizer,
        callbacks=list(callbacks),
    )


def plain(model: Any, tokenizer: Any, module: str) -> np.ndarray:
    """Mean over the real tokens of a module's output, one instance at a time, so without any padding."""
    raw: list[np.ndarray] = []
    hook = model.get_submodule(module).register_forward_hook(
        lambda module, args, out: raw.append((out[0] if isinstance(out, tuple) else out)[0].numpy())
    )
    model.eval()
    with torch.no_grad():
        for text in QUESTIONS:
            model(**tokenizer(text, return_tensors="pt"))
    hook.remove()
    return np.stack([values.reshape(-1, values.shape[-1]).mean(0) for values in raw])


def test_numbers_texts_and_steps_with_the_trainers_own_evaluation_set(tmp_path: Path, tokenizer: Any) -> None:
    model = bert()
    activis = ActiVisCallback(
        log_dir=tmp_path / "run",
        layers=["bert.encoder.layer.1", "classifier"],
        subsets={"who": '"who" in text'},
        strict=True,
    )
    trainer(model, tokenizer, tmp_path, activis).train()
    run = open_run(tmp_path / "run")
    assert run.steps == [4, 8]
    snapshot = run.snapshot(8)
    order = np.asarray(snapshot.instances["id"])
    for layer in ("bert.encoder.layer.1", "classifier"):
        expected = plain(model, tokenizer, layer)
        np.testing.assert_allclose(snapshot.summary(layer).mean[0], expected.mean(0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(snapshot.activations(layer), expected[order], rtol=2e-3, atol=2e-4)
    assert snapshot.instances["text"].to_pylist() == [QUESTIONS[index] for index in order]
    assert snapshot.instances["label"].to_pylist() == [NAMES[LABELS[index]] for index in order]
    counts = {subset.name: subset.count for subset in snapshot.record.subsets}
    assert (counts["who"], counts["thing"]) == (3, 2)
    assert snapshot.where('"dog" in text').sum() == 2


def test_training_is_bit_identical_with_and_without(tmp_path: Path, tokenizer: Any) -> None:
    weights = []
    for callbacks in (
        [],
        [ActiVisCallback(log_dir=tmp_path / "run", strict=True)],
        [ActiVisCallback(examples(tokenizer))],
    ):
        model = bert()
        trainer(model, tokenizer, tmp_path, *callbacks, gradient_accumulation_steps=2).train()
        weights.append(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]))
        draw = torch.rand(3)
        weights[-1] = torch.cat([weights[-1], draw])
    assert torch.equal(weights[0], weights[1])
    assert torch.equal(weights[0], weights[2])
    assert open_run(tmp_path / "run").steps


def test_own_data_and_the_end_of_training_without_evaluations(tmp_path: Path, tokenizer: Any) -> None:
    activis = ActiVisCallback(examples(tokenizer)[:5], log_dir=tmp_path / "run", strict=True)
    trainer(bert(), tokenizer, tmp_path, activis, eval_strategy="no", max_steps=3).train()
    run = open_run(tmp_path / "run")
    assert run.steps == [3]
    assert run.latest.record.seen == 5


def test_an_evaluation_before_and_after_training(tmp_path: Path, tokenizer: Any) -> None:
    activis = ActiVisCallback(log_dir=tmp_path / "run", strict=True)
    made = trainer(bert(), tokenizer, tmp_path, activis, max_steps=3, eval_strategy="epoch")
    made.evaluate()
    assert open_run(tmp_path / "run").steps == [0]
    made.train()
    made.evaluate()
    assert open_run(tmp_path / "run").steps == [0, 3]


def test_padding_on_the_left_and_mixed_precision(
    tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Transformers 4 sets it, for all trainers that are made afterwards.
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    tokenizer.padding_side = "left"
    activis = ActiVisCallback(log_dir=tmp_path / "run", strict=True)
    trainer(bert(), tokenizer, tmp_path, activis, max_steps=1, bf16=True).train()
    snapshot = open_run(tmp_path / "run").latest
    assert set(snapshot.instances["text"].to_pylist()) == set(QUESTIONS)


def test_a_language_model_has_texts_and_every_token_is_predicted(tmp_path: Path, tokenizer: Any) -> None:
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=12, n_positions=16, n_embd=8, n_layer=2, n_head=2, bos_token_id=2, eos_token_id=3
    )
    rows = [dict(tokenizer(text)) for text in QUESTIONS]
    made = transformers.Trainer(
        transformers.GPT2LMHeadModel(config),
        transformers.TrainingArguments(str(tmp_path), max_steps=1, report_to=[], use_cpu=True, disable_tqdm=True),
        train_dataset=rows,
        data_collator=transformers.DataCollatorForLanguageModeling(tokenizer, mlm=False),
        processing_class=tokenizer,
        callbacks=[ActiVisCallback(rows, log_dir=tmp_path / "run", strict=True)],
    )
    made.train()
    snapshot = open_run(tmp_path / "run").latest
    assert set(snapshot.instances["text"].to_pylist()) == set(QUESTIONS)
    assert snapshot.record.task == "tokens"
    # The next token of all but the last, over the whole evaluation set; padding counts in nothing.
    right = total = 0
    with torch.no_grad():
        for text in QUESTIONS:
            tokens = tokenizer(text, return_tensors="pt")["input_ids"]
            predicted = made.model.eval()(input_ids=tokens).logits.argmax(-1)
            right += int((predicted[0, :-1] == tokens[0, 1:]).sum())
            total += tokens.shape[1] - 1
    assert snapshot.record.metrics["accuracy"] == pytest.approx(right / total)


def test_the_run_lies_beside_the_scalars(tmp_path: Path, tokenizer: Any) -> None:
    trainer(bert(), tokenizer, tmp_path, ActiVisCallback(), max_steps=1, report_to=["tensorboard"]).train()
    (events,) = (path for path in (tmp_path / "runs").rglob("*tfevents*") if path.parent.name != "activis")
    assert open_run(events.parent).steps == [1]


def test_a_directory_named_by_the_environment(tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if int(transformers.__version__.partition(".")[0]) < 5:
        pytest.skip("the Trainer asks the environment since Transformers 5.0")
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "there"))
    trainer(bert(), tokenizer, tmp_path, ActiVisCallback(), max_steps=1).train()
    assert open_run(tmp_path / "there").steps == [1]


def test_without_tensorboard_the_default_directory_is_used(tmp_path: Path, tokenizer: Any) -> None:
    trainer(bert(), tokenizer, tmp_path, ActiVisCallback(), max_steps=1).train()
    (made,) = (tmp_path / "runs").iterdir()
    assert open_run(made).steps == [1]


@pytest.mark.parametrize(
    ("options", "arguments", "message"),
    [
        ({"data": "rows", "layers": ["clasifier"]}, {}, "'clasifier' matches none .* Near: classifier"),
        ({"data": "rows", "class_names": ["a", "b"]}, {}, "class_names has 2 names, but the model gives 3 scores"),
        ({"log_dir": "file"}, {}, "log_dir must be a directory"),
    ],
)
def test_errors_come_before_training(
    tmp_path: Path, tokenizer: Any, options: dict[str, Any], arguments: dict[str, Any], message: str
) -> None:
    (tmp_path / "file").write_text("")
    options = {"log_dir": tmp_path / str(options.pop("log_dir", "run"))} | options
    if "data" in options:
        options["data"] = examples(tokenizer)
    model = bert()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    with pytest.raises(ConfigurationError, match=message):
        trainer(model, tokenizer, tmp_path, ActiVisCallback(**options), **arguments).train()
    assert all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample": 0}, "sample must be"),
        ({"subsets": {"a": "text =="}}, "wrong expression"),
        ({"reducer": "median"}, "reducer must be one of"),
        ({"tokenizer": 7}, "tokenizer must be a tokenizer, or a processor that has one; got a int"),
    ],
)
def test_errors_of_the_constructor(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ActiVisCallback(**options)


def test_what_the_first_evaluation_shows_to_be_wrong_stops_nobody(tmp_path: Path, tokenizer: Any) -> None:
    made = trainer(bert(), tokenizer, tmp_path, ActiVisCallback(log_dir=tmp_path / "run", layers=["nothing"]))
    with pytest.warns(
        ActiVisWarning, match="lost the snapshot of step 4; training goes on. .*'nothing' matches none"
    ) as caught:
        made.train()
    assert len(caught) == 1
    assert made.state.global_step == 8
    strict = ActiVisCallback(log_dir=tmp_path / "strict", layers=["nothing"], strict=True)
    with pytest.raises(ConfigurationError, match="'nothing' matches none"):
        trainer(bert(), tokenizer, tmp_path, strict).train()


def test_a_trainer_that_does_not_evaluate_by_itself(tmp_path: Path, tokenizer: Any) -> None:
    activis = ActiVisCallback(log_dir=tmp_path / "run", strict=True)
    made = trainer(bert(), tokenizer, tmp_path, activis, eval_strategy="no", max_steps=3)
    with pytest.warns(
        ActiVisWarning, match="does not evaluate while it trains .*only your own calls of evaluate"
    ) as caught:
        made.train()
    assert len(caught) == 1
    made.evaluate()
    assert open_run(tmp_path / "run").steps == [3]


class Stopping(transformers.TrainerCallback):
    """What may go wrong in a training."""

    def on_step_end(self, args: Any, state: Any, control: Any, **found: Any) -> None:
        if state.global_step == 5:
            raise ValueError("stop")


def test_a_training_that_fails_lets_the_next_have_the_directory(tmp_path: Path, tokenizer: Any) -> None:
    failed = ActiVisCallback(log_dir=tmp_path / "run", strict=True)
    with pytest.raises(ValueError, match="stop"):
        trainer(bert(), tokenizer, tmp_path, failed, Stopping()).train()
    assert open_run(tmp_path / "run").steps == [4]
    trainer(bert(), tokenizer, tmp_path, ActiVisCallback(log_dir=tmp_path / "run", strict=True)).train()
    assert open_run(tmp_path / "run").steps == [4, 8]
    two = [ActiVisCallback(log_dir=tmp_path / "run", data=examples(tokenizer)) for _ in range(2)]
    with pytest.raises(ConfigurationError, match="Another logger is writing"):
        trainer(bert(), tokenizer, tmp_path, *two).train()


def test_ids_columns_and_pinned(tmp_path: Path, tokenizer: Any) -> None:
    rows = examples(tokenizer)
    activis = ActiVisCallback(
        log_dir=tmp_path / "run",
        strict=True,
        id=[f"question {row}" for row in range(len(rows))],
        columns={"count": [len(text.split()) for text in QUESTIONS]},
        subsets={"long": "count > 4"},
        pinned=rows[:2],
    )
    trainer(bert(), tokenizer, tmp_path, activis, max_steps=1).train()
    snapshot = open_run(tmp_path / "run").latest
    assert snapshot.record.pinned == 2
    table = snapshot.instances.to_pylist()
    assert [row["id"] for row in table[7:]] == ["pinned 1", "pinned 2"]
    assert [row["text"] for row in table[7:]] == QUESTIONS[:2]
    for row in table[:7]:
        place = int(row["id"].removeprefix("question "))
        assert (row["text"], row["count"]) == (QUESTIONS[place], len(QUESTIONS[place].split()))
    counts = {subset.name: subset.count for subset in snapshot.record.subsets}
    assert counts["long"] == sum(len(text.split()) > 4 for text in QUESTIONS)


def test_other_processes_log_nothing(tmp_path: Path, tokenizer: Any) -> None:
    activis = ActiVisCallback(log_dir=tmp_path / "run")
    made = trainer(bert(), tokenizer, tmp_path, activis, max_steps=1)
    made.state.is_world_process_zero = False
    for event in (activis.on_train_begin, activis.on_evaluate, activis.on_train_end):
        event(made.args, made.state, made.control, model=made.model, eval_dataloader=made.get_eval_dataloader())
    assert not (tmp_path / "run").exists()
    assert os.listdir(tmp_path) == [] or not list(tmp_path.rglob("activis"))


class Interrupted(ActiVisCallback):
    """Interrupts each of its calls many times, and then makes it."""

    times = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **found: Any) -> None:
        for call in (super().on_train_begin, super().on_evaluate):

            def again(call: Any = call) -> None:
                assert self._pass is not None
                self._pass.last_step = None
                call(args, state, control, **found)

            self.times += check_interrupts(again, 6, lambda: process_state(found["model"]))
        super().on_train_begin(args, state, control, **found)


def test_interrupts_at_any_line_leave_nothing(tmp_path: Path, tokenizer: Any) -> None:
    activis = Interrupted(examples(tokenizer), log_dir=tmp_path / "run", strict=True)
    trainer(bert(), tokenizer, tmp_path, activis).train()
    assert activis.times > 5
    assert open_run(tmp_path / "run").steps[-2:] == [4, 8]


@pytest.mark.nightly
def test_interrupts_of_a_watched_evaluation_leave_nothing(tmp_path: Path, tokenizer: Any) -> None:
    made = trainer(bert(), tokenizer, tmp_path, ActiVisCallback(log_dir=tmp_path / "run", strict=True))
    made.model.eval()

    def state() -> dict[str, Any]:
        found = process_state(made.model)
        del found["torch"]  # every evaluation of the Trainer draws a number
        return found | {"busy": made.evaluation_loop.watch.is_busy}

    def evaluate() -> None:
        made.evaluation_loop.watch.close()  # so that the model is traced anew
        made.evaluate()

    assert check_interrupts(evaluate, 10, state) > 5
    made.evaluate()
    assert open_run(tmp_path / "run").latest.record.seen == len(QUESTIONS)
