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

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
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


def measure(title: str, evaluations: Callable[[Path], Any], repeats: int) -> None:
    """A line for one trainer."""
    with tempfile.TemporaryDirectory() as directory, evaluations(Path(directory)) as (plain, watched, layers):
        taken = in_turns({"plain": plain, "watched": watched}, repeats, time.process_time)
        print(line(f"{title}, without", taken["plain"], taken["plain"]))
        print(line(f"{title}, {layers()} layers", taken["watched"], taken["plain"], LIMIT), flush=True)


def main() -> None:
    """Prints two lines for each trainer."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    torch.set_num_threads(1)
    torch.manual_seed(0)
    measure("Trainer, BERT-6, 1,000 texts", trainer_bert, repeats)


if __name__ == "__main__":
    main()
