"""Training health under Lightning and Hugging Face's Trainer: no more than the argument, and the trainer's own steps."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tensorboard_activis import open_run


@pytest.mark.filterwarnings("ignore")
def test_lightning(tmp_path: Path):
    lightning = pytest.importorskip("lightning.pytorch")
    from tensorboard_activis.lightning import ActiVisCallback

    losses = []

    class Module(lightning.LightningModule):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(8, 6), nn.Linear(6, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc2(F.relu(self.fc1(x)))

        def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], index: int) -> torch.Tensor:
            loss = F.cross_entropy(self(batch[0]), batch[1])
            losses.append(loss.item())
            return loss

        def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], index: int) -> None:
            self(batch[0])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), 0.1)

    torch.manual_seed(0)
    data = torch.utils.data.TensorDataset(torch.randn(24, 8), torch.randint(0, 3, (24,)))
    loader = torch.utils.data.DataLoader(data, batch_size=4)
    trainer = lightning.Trainer(
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
        callbacks=[ActiVisCallback(log_dir=tmp_path, health=3)],
    )
    trainer.fit(Module(), loader, loader)
    run = open_run(tmp_path)
    assert run.health.steps.tolist() == [0, 3, 6, 9]
    assert run.steps == [6, 12]
    np.testing.assert_allclose(run.health.loss, losses[::3], rtol=1e-5, atol=1e-5)
    assert np.isfinite(run.health.values[:5]).all()


@pytest.mark.filterwarnings("ignore")
def test_the_trainer_of_hugging_face(tmp_path: Path):
    transformers = pytest.importorskip("transformers")
    from tensorboard_activis.transformers import ActiVisCallback

    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=50, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, num_labels=3
    )
    rows = [{"input_ids": [1, 2 + index, 3], "labels": index % 3} for index in range(24)]
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path / "out"),
        per_device_train_batch_size=4,
        num_train_epochs=2,
        eval_strategy="epoch",
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = transformers.Trainer(
        model=transformers.BertForSequenceClassification(config),
        args=arguments,
        train_dataset=rows,
        eval_dataset=rows,
        callbacks=[ActiVisCallback(log_dir=tmp_path / "run", health=2)],
    )
    trainer.train()
    run = open_run(tmp_path / "run")
    assert run.steps == [6, 12]
    assert run.health.steps.tolist() == [0, 2, 4, 6, 8, 10]
    assert np.isfinite(run.health.loss).all()
    gradients = run.health.of("gradient_norm", "classifier")
    assert np.isfinite(gradients).all()
    assert (gradients > 0).all()
