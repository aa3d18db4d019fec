"""unit="position" with the Hugging Face Trainer: every token that it evaluates is an instance, with the texts of its tokenizer."""

import importlib.util
from pathlib import Path

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


def test_a_language_model_that_the_trainer_evaluates(tmp_path: Path) -> None:
    tokenizer = words()
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer), n_positions=16, n_embd=8, n_layer=2, n_head=2, bos_token_id=2, eos_token_id=3
    )
    model = transformers.GPT2LMHeadModel(config)
    layers = ["transformer.h.1"]
    callback = ActiVisCallback(
        log_dir=tmp_path / "run",
        unit="position",
        layers=layers,
        strict=True,
        subsets={"cat": 'token == "cat"', "who": '"who" in text and position < 2'},
    )
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), per_device_eval_batch_size=3, report_to=[], use_cpu=True, disable_tqdm=True
    )
    rows = [dict(tokenizer(text)) for text in QUESTIONS]
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
        with torch.no_grad():
            out = model(ids[None], output_hidden_states=True)
            kept: dict[str, torch.Tensor] = {}
            handle = model.transformer.h[1].register_forward_hook(
                lambda module, args, output, kept=kept: kept.update(
                    out=output[0] if isinstance(output, tuple) else output
                )
            )
            model(ids[None])
            handle.remove()
        for place, token in enumerate(ids.tolist()):
            after = ids[place + 1] if place + 1 < len(ids) else None
            loss = None if after is None else F.cross_entropy(out.logits[0, place], after).item()
            found[f"{number}:{place}"] = (tokenizer.convert_ids_to_tokens(token), loss, kept["out"][0, place].numpy())
    assert snapshot.record.seen == len(found)
    for index, row in enumerate(snapshot.instances.to_pylist()):
        token, loss, values = found[row["id"]]
        assert (row["token"], row["text"]) == (token, QUESTIONS[row["sequence"]])
        assert row["loss"] == pytest.approx(float("nan") if loss is None else loss, rel=1e-4, nan_ok=True)
        np.testing.assert_allclose(snapshot.activations(layers[0])[index], values, rtol=2e-3, atol=2e-4)
    count = {subset.name: subset.count for subset in snapshot.record.subsets}
    assert count["cat"] == sum(token == "cat" for token, _, _ in found.values()) == 3
    assert count["who"] == 2 * sum("who" in text for text in QUESTIONS)
    known = [loss for _, loss, _ in found.values() if loss is not None]
    assert snapshot.record.metrics["loss"] == pytest.approx(np.mean(known), rel=1e-4)
    assert metrics["eval_loss"] > 0
