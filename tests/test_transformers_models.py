"""Models of other kinds whose evaluations by the Trainer become snapshots: labels by other names, encoder-decoders, wrappers."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning

if importlib.util.find_spec("transformers") is None or importlib.util.find_spec("accelerate") is None:
    pytest.skip("needs transformers and accelerate", allow_module_level=True)

import transformers

from tensorboard_activis.transformers import ActiVisCallback
from tests.test_transformers import LABELS, NAMES, QUESTIONS, bert, examples, trainer, words
from tests.test_transformers_watching import LAYERS, activis, check_by_id, score
from tests.torch.generating import NO_PASS


class Sentiment(transformers.BertForSequenceClassification):
    """Its labels have a name of their own."""

    def forward(
        self, input_ids: Any, attention_mask: Any = None, token_type_ids: Any = None, sentiment: Any = None
    ) -> Any:
        return super().forward(
            input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids, labels=sentiment
        )


class Needed(Sentiment):
    """As above, without a default for the labels; gives the loss first."""

    def forward(  # type: ignore[override]
        self, sentiment: Any, input_ids: Any, attention_mask: Any = None, token_type_ids: Any = None
    ) -> Any:
        outputs = super().forward(input_ids, attention_mask, token_type_ids, sentiment)
        return outputs.loss, outputs.logits


@pytest.mark.parametrize("kind", [Sentiment, Needed])
@pytest.mark.parametrize("own", [False, True])
def test_labels_by_their_name(tmp_path: Path, kind: Any, own: bool) -> None:
    rows = [
        {("sentiment" if key == "label" else key): value for key, value in row.items()} for row in examples(words())
    ]
    model = kind(bert().config)
    made = trainer(
        model, words(), tmp_path, activis(tmp_path, data=rows if own else None), max_steps=2, label_names=["sentiment"]
    )
    made.train_dataset = made.eval_dataset = rows
    made.train()
    snapshot = open_run(tmp_path / "run").latest
    ids = snapshot.instances["id"].to_pylist()
    predicted = made.predict(rows)
    assert snapshot.instances["label"].to_pylist() == [NAMES[LABELS[index]] for index in ids]
    assert "sentiment" not in snapshot.instances.column_names
    expected = predicted.predictions.argmax(1)[ids]
    assert snapshot.instances["prediction"].to_pylist() == [NAMES[index] for index in expected]


def t5(**options: Any) -> Any:
    torch.manual_seed(0)
    config = transformers.T5Config(
        vocab_size=12, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2, decoder_start_token_id=0, dropout_rate=0.0
    )
    return transformers.T5ForConditionalGeneration(config)


@pytest.mark.parametrize("generate", [False, True])
def test_an_encoder_decoder_with_and_without_generation(tmp_path: Path, generate: bool) -> None:
    targets = [[label + 4, 7, 1, 5] for label in LABELS]
    rows = [{**words()(text), "labels": target} for text, target in zip(QUESTIONS, targets, strict=True)]
    for row in rows:
        row.pop("token_type_ids", None)
    model = t5()
    made = transformers.Seq2SeqTrainer(
        model,
        transformers.Seq2SeqTrainingArguments(
            str(tmp_path),
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            per_device_eval_batch_size=3,
            predict_with_generate=generate,
            generation_max_length=6,
        ),
        eval_dataset=rows,
        processing_class=words(),
        compute_metrics=score,
        callbacks=[ActiVisCallback(log_dir=tmp_path / "run", strict=True, layers=["lm_head", "encoder.block.0"])],
    )
    made.evaluate()
    assert "generate" not in vars(model)
    snapshot = open_run(tmp_path / "run").latest
    ids = snapshot.instances["id"].to_pylist()
    assert sorted(ids) == list(range(len(QUESTIONS)))
    with torch.no_grad():
        logits = [
            model(
                **words()(QUESTIONS[index], return_tensors="pt", return_token_type_ids=False),
                labels=torch.tensor([targets[index]]),
            ).logits[0]
            for index in ids
        ]
    right = [
        (each.argmax(-1) == torch.tensor(targets[index])).float().mean()
        for each, index in zip(logits, ids, strict=True)
    ]
    np.testing.assert_allclose(np.array(snapshot.instances["accuracy"].to_pylist()), right, atol=1e-3)
    means = np.stack([each.mean(0).numpy() for each in logits])
    np.testing.assert_allclose(snapshot.activations("lm_head"), means, rtol=2e-3, atol=1e-3)


class Adapter(nn.Module):
    """Wraps a model as PEFT does."""

    accepts_loss_kwargs = False  # Transformers 4 takes it from the signature of `forward`

    def __init__(self, base: Any) -> None:
        super().__init__()
        self.base_model = base
        self.config = base.config

    def get_base_model(self) -> Any:
        return self.base_model

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.base_model(*args, **kwargs)


def test_a_model_in_a_wrapper(tmp_path: Path) -> None:
    wrapped = Adapter(bert())
    layers = [f"base_model.{layer}" for layer in LAYERS]
    made = trainer(
        wrapped,
        words(),
        tmp_path,
        activis(tmp_path, layers=layers),
        max_steps=2,
        label_names=["labels"],
        remove_unused_columns=False,
    )
    made.train_dataset = made.eval_dataset = [
        {key: value for key, value in row.items() if key != "note"} for row in examples(words())
    ]
    made.train()
    check_by_id(tmp_path / "run", 2, wrapped, prefix="base_model.")


def test_generation_alone_is_not_logged(tmp_path: Path) -> None:
    rows = [{"input_ids": words()(text)["input_ids"]} for text in QUESTIONS]
    made = transformers.Seq2SeqTrainer(
        t5(),
        transformers.Seq2SeqTrainingArguments(
            str(tmp_path),
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            predict_with_generate=True,
            generation_max_length=5,
        ),
        eval_dataset=rows,
        processing_class=words(),
        compute_metrics=score,
        callbacks=[ActiVisCallback(log_dir=tmp_path / "run")],
    )
    with pytest.warns(ActiVisWarning, match="lost the snapshot of step 0.*" + re.escape(NO_PASS)):
        made.evaluate()
    assert not list((tmp_path / "run").rglob("*tfevents*"))
