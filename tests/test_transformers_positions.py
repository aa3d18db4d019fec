"""Where in the input, through the Hugging Face Trainer: tokens as instances, peaks and maps, by instance id against plain hooks."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tensorboard_activis import open_run

if importlib.util.find_spec("transformers") is None or importlib.util.find_spec("accelerate") is None:
    pytest.skip("needs transformers and accelerate", allow_module_level=True)

import transformers

from tensorboard_activis.transformers import ActiVisCallback
from tests.test_transformers import QUESTIONS, words
from tests.torch.sequences import IGNORED, check_layers
from tests.torch.test_peaks import check


@pytest.mark.parametrize("own", [False, True])
def test_a_language_model_that_the_trainer_evaluates(tmp_path: Path, own: bool) -> None:
    tokenizer = words()
    rows = [dict(tokenizer(text)) for text in QUESTIONS]
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer), n_positions=16, n_embd=8, n_layer=2, n_head=2, bos_token_id=2, eos_token_id=3
    )
    model = transformers.GPT2LMHeadModel(config)
    layers = ["transformer.h.1"]
    callback = ActiVisCallback(
        *([rows] if own else []),
        log_dir=tmp_path / "run",
        unit="position",
        layers=layers,
        strict=True,
        subsets={"cat": 'token == "cat"', "who": '"who" in text and position < 2'},
    )
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), per_device_eval_batch_size=3, report_to=[], use_cpu=True, disable_tqdm=True
    )
    collator = transformers.DataCollatorForLanguageModeling(tokenizer, mlm=False)
    trainer = transformers.Trainer(
        model,
        arguments,
        eval_dataset=rows,
        processing_class=tokenizer,
        data_collator=collator,
        callbacks=[callback],
    )
    metrics = trainer.evaluate()
    snapshot = open_run(tmp_path / "run").latest
    found = {}
    model.eval()
    for number, row in enumerate(rows):
        ids = torch.tensor(row["input_ids"])
        inputs = {key: torch.tensor(values)[None] for key, values in row.items()}
        with torch.no_grad():
            out = model(**inputs, output_hidden_states=True)
            kept: dict[str, torch.Tensor] = {}
            handle = model.transformer.h[1].register_forward_hook(
                lambda module, args, output, kept=kept: kept.update(
                    out=output[0] if isinstance(output, tuple) else output
                )
            )
            model(**inputs)
            handle.remove()
        for place, token in enumerate(ids.tolist()):
            after = ids[place + 1] if place + 1 < len(ids) else None
            loss = None if after is None else F.cross_entropy(out.logits[0, place], after).item()
            found[f"{number}:{place}"] = (tokenizer.convert_ids_to_tokens(token), loss, kept["out"][0, place].numpy())
    assert snapshot.record.seen == len(found)
    (recorded,) = snapshot.layers
    assert recorded.removesuffix("[0]") == layers[0]  # its block gives a tuple in Transformers 4
    for index, row in enumerate(snapshot.instances.to_pylist()):
        token, loss, values = found[row["id"]]
        assert (row["token"], row["text"]) == (token, QUESTIONS[row["sequence"]])
        assert row["loss"] == pytest.approx(float("nan") if loss is None else loss, rel=1e-4, abs=1e-5, nan_ok=True)
        np.testing.assert_allclose(snapshot.activations(recorded)[index], values, rtol=2e-3, atol=2e-4)
    count = {subset.name: subset.count for subset in snapshot.record.subsets}
    assert count["cat"] == sum(token == "cat" for token, _, _ in found.values()) == 3
    assert count["who"] == 2 * sum("who" in text for text in QUESTIONS)
    known = [loss for _, loss, _ in found.values() if loss is not None]
    assert snapshot.record.metrics["loss"] == pytest.approx(np.mean(known), rel=1e-4, abs=1e-5)
    assert metrics["eval_loss"] > 0


KINDS = {0: "other", 1: "animal", 2: "question"}
BLOCK = "bert.encoder.layer.1"


def tagged() -> list[dict[str, Any]]:
    """The questions with a label for every word, none for the signs around them."""
    tokenizer, made = words(), []
    for text in QUESTIONS:
        kinds = [1 if word in ("cat", "dog") else 2 if word in ("who", "what") else 0 for word in text.split()]
        made.append({**tokenizer(text), "labels": [IGNORED, *kinds, IGNORED]})
    return made


def tagger(where: Path, own: bool, *, masked: bool = True, **options: Any) -> Any:
    """Trains a token classifier with the callback, which watches the trainer's evaluations or has the same data of its own."""
    tokenizer = words()
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
        id2label=KINDS,
        label2id={name: kind for kind, name in KINDS.items()},
    )
    rows, padded = tagged(), transformers.DataCollatorForTokenClassification(tokenizer)

    def collator(batch: list[Any]) -> dict[str, Any]:
        return {name: each for name, each in padded(batch).items() if masked or name != "attention_mask"}

    callback = ActiVisCallback(
        *([rows] if own else []), log_dir=where / "run", layers=[BLOCK, "classifier"], strict=True, **options
    )
    made = transformers.Trainer(
        transformers.BertForTokenClassification(config),
        transformers.TrainingArguments(
            str(where),
            max_steps=4,
            eval_steps=2,
            eval_strategy="steps",
            per_device_eval_batch_size=3,
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
        ),
        train_dataset=rows,
        eval_dataset=rows,
        processing_class=tokenizer,
        data_collator=collator,
        callbacks=[callback],
    )
    made.train()
    assert open_run(where / "run").steps == [2, 4]
    return made.model


def hooked(model: Any) -> Iterator[dict[str, torch.Tensor]]:
    """By layer [positions, neurons], of hooks on the trained model, which is given each question by itself."""
    kept: dict[str, torch.Tensor] = {}
    for name in (BLOCK, "classifier"):
        model.get_submodule(name).register_forward_hook(
            lambda module, args, output, name=name: kept.update(
                {name: (output[0] if isinstance(output, tuple) else output)[0]}
            )
        )
    with torch.no_grad():
        for row in tagged():
            model.eval()(input_ids=torch.tensor(row["input_ids"])[None])
            yield dict(kept)


@pytest.mark.parametrize("own", [False, True])
def test_a_token_classifier(tmp_path: Path, own: bool) -> None:
    model = tagger(tmp_path, own, unit="position", sample=25, subsets={"cat": 'token == "cat"'})
    snapshot = open_run(tmp_path / "run").latest
    found: dict[str, dict[str, Any]] = {}
    for number, (row, layers) in enumerate(zip(tagged(), hooked(model), strict=True)):
        for place, (token, label) in enumerate(zip(row["input_ids"], row["labels"], strict=True)):
            values = {name: each[place] for name, each in layers.items()}
            found[f"{number}:{place}"] = {**values, "label": label, "token": words().convert_ids_to_tokens(token)}
    check_layers(snapshot, found, [BLOCK, "classifier"])
    for line in snapshot.instances.to_pylist():
        own_values = found[line["id"]]
        assert (line["token"], line["text"]) == (own_values["token"], QUESTIONS[line["sequence"]])
        assert line["label"] == KINDS.get(own_values["label"])
        assert line["prediction"] == KINDS[int(own_values["classifier"].argmax())]
    labelled = [one for one in found.values() if one["label"] != IGNORED]
    losses = [F.cross_entropy(one["classifier"], torch.tensor(one["label"])).item() for one in labelled]
    assert snapshot.record.metrics["loss"] == pytest.approx(np.mean(losses), rel=1e-4, abs=1e-5)
    counts = {subset.name: subset.count for subset in snapshot.record.subsets}
    assert [counts[name] for name in KINDS.values()] == [
        sum(one["label"] == kind for one in labelled) for kind in KINDS
    ]
    assert counts["cat"] == sum(one["token"] == "cat" for one in found.values())


@pytest.mark.parametrize("own", [False, True])
def test_peaks_and_maps_of_a_token_classifier(tmp_path: Path, own: bool) -> None:
    model = tagger(tmp_path, own, id=[7 * number for number in range(len(QUESTIONS))], reducer="max")
    snapshot = open_run(tmp_path / "run").latest
    found = list(hooked(model))
    for layer in (BLOCK, "classifier"):
        assert snapshot.position_sizes(layer) == (-1,)
        check(snapshot, layer, {7 * number: each[layer].T.numpy() for number, each in enumerate(found)})


@pytest.mark.parametrize("own", [False, True])
def test_padding_that_no_mask_tells_is_said(tmp_path: Path, own: bool) -> None:
    tagger(tmp_path, own, masked=False, unit="position")
    lengths = [len(row["input_ids"]) for row in tagged()]
    sizes = [max(lengths[start : start + 3]) for start in range(0, len(lengths), 3) for _ in lengths[start : start + 3]]
    (note,) = [note for note in open_run(tmp_path / "run").latest.notes if "looks like padding" in note]
    assert f"{sum(sizes) - sum(lengths)} of {sum(sizes)} positions" in note
    assert f"runs of token {words().pad_token_id}," in note
    assert "have a label" not in note
