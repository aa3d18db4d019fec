"""`train_data=` of the callbacks for Lightning and Hugging Face, watched and in a pass of their own."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from tensorboard_activis import open_run

pytestmark = pytest.mark.filterwarnings("ignore")


def found_in(where: Path, read: int) -> dict[Any, tuple[str, int]]:
    """Kind and training row by id of the evaluation instance, checked against the finding."""
    run = open_run(where)
    table = run.latest.instances
    columns = (table[name].to_pylist() for name in ("id", "in_training", "training_row"))
    found = {id_: (kind, row) for id_, kind, row in zip(*columns, strict=True) if kind != "no"}
    (finding,) = [one for one in run.findings() if one.kind == "duplicates"]
    assert sorted(table["id"][index].as_py() for index in finding.instances) == sorted(found)
    assert run.latest.record.training is not None
    assert run.latest.record.training.instances == read
    return found


@pytest.mark.parametrize("watched", [True, False])
def test_lightning(tmp_path: Path, watched: bool) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    from tensorboard_activis.lightning import ActiVisCallback
    from tests.small_lightning import Module, X, Y

    train = torch.rand(40, 5, generator=torch.Generator().manual_seed(3))
    train[[7, 30]] = X[[4, 11]]
    data = TensorDataset(train, torch.arange(40) % 3)
    validation = DataLoader(TensorDataset(X, Y), 5)
    callback = ActiVisCallback(
        None if watched else validation, log_dir=tmp_path, train_data=DataLoader(data, 8, shuffle=True), strict=True
    )
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[callback],
    )
    trainer.fit(Module(), DataLoader(data, 8, shuffle=True), validation)
    assert found_in(tmp_path, 40) == {4: ("same", 7), 11: ("same", 30)}


def test_the_trainer_of_hugging_face(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from tensorboard_activis.transformers import ActiVisCallback

    config = transformers.BertConfig(
        vocab_size=90, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, num_labels=3
    )
    random = torch.Generator().manual_seed(0)
    rows = [
        {"input_ids": torch.randint(5, 90, (8,), generator=random).tolist(), "labels": index % 3} for index in range(60)
    ]
    evaluated = [*rows[40:], rows[9], rows[33]]
    trainer = transformers.Trainer(
        model=transformers.BertForSequenceClassification(config),
        args=transformers.TrainingArguments(
            output_dir=str(tmp_path / "out"),
            max_steps=2,
            eval_strategy="steps",
            eval_steps=2,
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            disable_tqdm=True,
        ),
        train_dataset=rows[:40],
        eval_dataset=evaluated,
        callbacks=[ActiVisCallback(log_dir=tmp_path / "run", train_data=rows[:40], strict=True)],
    )
    trainer.train()
    found = found_in(tmp_path / "run", 40)
    assert {id_: each for id_, each in found.items() if each[0] == "same"} == {20: ("same", 9), 21: ("same", 33)}
