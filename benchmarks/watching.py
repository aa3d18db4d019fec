"""CPU time of an evaluation that ActiVis watches beside the same evaluation without it. One thread.

What is watched becomes a snapshot: statistics of every neuron by class, the sample, files on disk, with the default layers. Each
figure is the median of the ratios of evaluations that take turns.

Usage: python benchmarks/watching.py [REPEATS]
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks._networks import resnet
from benchmarks._pairs import in_turns, line

INSTANCES, LIMIT = 1000, 1.10
#: An evaluation without ActiVis, the same with it, and how many layers that records.
Evaluations = tuple[Callable[[], object], Callable[[], object], Callable[[], int]]


@contextmanager
def trainer_bert(directory: Path) -> Iterator[Evaluations]:
    """Hugging Face's Trainer: BERT of 6 layers on sequences of 64 tokens."""
    import transformers

    from tensorboard_activis import open_run
    from tensorboard_activis.transformers import ActiVisCallback

    class Evaluating(transformers.Trainer):
        """Evaluates as in the midst of training."""

        def begin(self) -> None:
            self.control: Any = self.callback_handler.on_train_begin(self.args, self.state, self.control)

        def evaluate_next(self) -> None:
            self.state.global_step += 1
            self.evaluate()

        def end(self) -> None:
            self.control = self.callback_handler.on_train_end(self.args, self.state, self.control)

    config = transformers.BertConfig(
        vocab_size=1000,
        hidden_size=256,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=1024,
        num_labels=4,
    )
    model = transformers.BertForSequenceClassification(config)
    rows = [
        {"input_ids": ids, "attention_mask": [1] * 64, "labels": sum(ids) % 4}
        for ids in torch.randint(5, 1000, (INSTANCES, 64)).tolist()
    ]
    arguments = transformers.TrainingArguments(
        str(directory / "out"),
        eval_strategy="epoch",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        per_device_eval_batch_size=32,
    )
    run = directory / "bert"
    plain, watched = (
        Evaluating(model, arguments, eval_dataset=rows, callbacks=callbacks)
        for callbacks in (None, [ActiVisCallback(log_dir=run, strict=True)])
    )
    for trainer in (plain, watched):
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.begin()
    yield plain.evaluate_next, watched.evaluate_next, lambda: len(open_run(run).latest.layers)
    watched.end()


def lightning_resnet(directory: Path, repeats: int) -> tuple[dict[str, list[float]], int]:
    """Lightning: ResNet-18 with torchvision's stem at 32 pixels. Every second validation of one training is logged.

    Returns:
        CPU seconds of the validations, "plain" and "watched"; and how many layers were recorded.
    """
    import lightning.pytorch as pl

    from tensorboard_activis import open_run
    from tensorboard_activis.lightning import ActiVisCallback

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = resnet()

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

        def validation_step(self, batch: Any, index: int) -> None:
            logits = self.model(batch[0])
            self.log("val_loss", nn.functional.cross_entropy(logits, batch[1]))
            self.log("val_accuracy", (logits.argmax(1) == batch[1]).float().mean())

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.01)

    times: list[float] = []

    class Start(pl.Callback):
        def on_validation_start(self, *_: Any) -> None:
            times.append(-time.process_time())

    class Stop(pl.Callback):
        def on_validation_end(self, *_: Any) -> None:
            times[-1] += time.process_time()

    data = TensorDataset(torch.randn(INSTANCES, 3, 32, 32), torch.randint(0, 10, (INSTANCES,)))
    trainer = pl.Trainer(
        accelerator="cpu",
        callbacks=[Start(), ActiVisCallback(log_dir=directory, every_n_steps=2, strict=True), Stop()],
        default_root_dir=directory,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        logger=False,
        max_steps=2 * repeats + 2,
        num_sanity_val_steps=1,
        val_check_interval=1,
        check_val_every_n_epoch=None,
    )
    trainer.fit(Module(), DataLoader(data, 50), DataLoader(data, 100))
    # Without the sanity check, and a first turn to warm up.
    return {"plain": times[3::2], "watched": times[4::2]}, len(open_run(directory).latest.layers)


@contextmanager
def loop_resnet(directory: Path) -> Iterator[Evaluations]:
    """A loop of the user's own: ResNet-18 with torchvision's stem on 1,000 images of 32 pixels."""
    from tensorboard_activis.torch import ActiVisLogger

    model = resnet().eval()
    batches = [(torch.randn(100, 3, 32, 32), torch.randint(0, 10, (100,))) for _ in range(INSTANCES // 100)]
    logger = ActiVisLogger(directory, model, strict=True)
    steps = iter(range(10**9))

    def plain() -> float:
        with torch.no_grad():
            return sum(float(nn.functional.cross_entropy(model(x), y)) for x, y in batches)

    def watched() -> float:
        loss = 0.0
        with torch.no_grad(), logger.watch(next(steps)) as watch:
            for x, y in batches:
                logits = model(x)
                loss += float(nn.functional.cross_entropy(logits, y))
                watch.batch(labels=y)
        return loss

    yield plain, watched, lambda: len(logger.layers)
    logger.close()


def measure(title: str, evaluations: Callable[[Path], Any], repeats: int) -> None:
    """Two lines for one trainer."""
    with tempfile.TemporaryDirectory() as directory, evaluations(Path(directory)) as (plain, watched, layers):
        report(title, in_turns({"plain": plain, "watched": watched}, repeats, time.process_time), layers())


def report(title: str, taken: dict[str, list[float]], layers: int) -> None:
    """Prints the lines of one trainer."""
    print(line(f"{title}, without", taken["plain"], taken["plain"]))
    print(line(f"{title}, {layers} layers", taken["watched"], taken["plain"], LIMIT), flush=True)


def main() -> None:
    """Prints two lines for a loop of the user's own and for each trainer."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    torch.set_num_threads(1)
    torch.manual_seed(0)
    measure("Loop with watch, ResNet-18, 1,000 images", loop_resnet, repeats)
    measure("Trainer, BERT-6, 1,000 texts", trainer_bert, repeats)
    with tempfile.TemporaryDirectory() as directory:
        report("Lightning, ResNet-18, 1,000 images", *lightning_resnet(Path(directory), repeats))


if __name__ == "__main__":
    main()
