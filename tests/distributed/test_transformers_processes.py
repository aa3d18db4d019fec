"""Hugging Face's Trainer on two processes: each logs its part of the evaluation set, as one process would all of it."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from tensorboard_activis import open_run
from tensorboard_activis.summarize.sample import ranks
from tests.distributed.launch import torchrun

if importlib.util.find_spec("transformers") is None or importlib.util.find_spec("accelerate") is None:
    pytest.skip("needs transformers and accelerate", allow_module_level=True)

from tests.test_transformers import LABELS, QUESTIONS, bert, plain, words


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("transformers")
    torchrun(Path(__file__).with_name("transformers_training.py"), 2, str(where))
    return where


@pytest.mark.parametrize("name", ["set", "stream"])
def test_the_trainers_evaluation_set_on_two_processes(trained: Path, name: str) -> None:
    where = trained / "stream" / "logged" if name == "stream" else next((trained / "set" / "runs").iterdir())
    run = open_run(where)
    assert run.steps == [2, 4]
    snapshot = run.snapshot(4)
    model = bert()
    model.load_state_dict(torch.load(trained / f"{name}-0-1")[0])
    assert snapshot.record.seen == len(QUESTIONS)
    texts = snapshot.instances["text"].to_pylist()
    if name == "set":
        assert snapshot.instances["id"].to_pylist() == np.argsort(ranks(range(len(QUESTIONS))))[:5].tolist()
    assert len(set(texts)) == 5
    for layer in ("bert.encoder.layer.1", "classifier"):
        values = plain(model, words(), layer)
        summary = snapshot.summary(layer)
        np.testing.assert_allclose(summary.mean[0], values.mean(0), rtol=1e-4, atol=1e-5)
        for label in range(3):
            mask = np.array(LABELS) == label
            np.testing.assert_allclose(summary.mean[1 + label], values[mask].mean(0), rtol=1e-4, atol=1e-5)
        rows = [QUESTIONS.index(text) for text in texts]
        np.testing.assert_allclose(snapshot.activations(layer), values[rows], rtol=2e-3, atol=1e-3)


def test_training_is_bit_identical_with_and_without(trained: Path) -> None:
    for rank in range(2):
        (with_it, ends), (without, others) = (torch.load(trained / f"set-{rank}-{number}") for number in (1, 0))
        assert with_it.keys() == without.keys() > set()
        assert all(torch.equal(with_it[name], without[name]) for name in with_it)
        assert torch.equal(ends, others)
