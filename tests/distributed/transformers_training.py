"""What torchrun starts: Hugging Face's Trainer on two processes, on its own evaluation set and on a stream of it."""

import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.utils.data import IterableDataset

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import transformers

from tensorboard_activis.transformers import ActiVisCallback
from tests.test_transformers import bert, examples, words

LAYERS = ["bert.encoder.layer.1", "classifier"]


class Stream(IterableDataset):
    """Without length: every process reads it from its start."""

    def __init__(self, rows: list[Any]) -> None:
        self.rows = rows

    def __iter__(self) -> Iterator[Any]:
        yield from self.rows


def train(where: Path, name: str, evaluated: Any, rows: list[Any], *callbacks: Any) -> None:
    model = bert()
    trainer = transformers.Trainer(
        model,
        transformers.TrainingArguments(
            output_dir=str(where / name),
            max_steps=4,
            eval_steps=2,
            eval_strategy="steps",
            per_device_train_batch_size=1,
            per_device_eval_batch_size=2,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            seed=1,
            accelerator_config={
                "dispatch_batches": False
            },  # texts of one batch are of other lengths than those of the next
        ),
        train_dataset=rows,
        eval_dataset=evaluated,
        processing_class=words(),
        callbacks=list(callbacks),
    )
    trainer.train()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    torch.save((state, torch.rand(3)), where / f"{name}-{dist.get_rank()}-{len(callbacks)}")


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=UserWarning)
    os.environ.pop("TENSORBOARD_LOGGING_DIR", None)
    torch.set_num_threads(1)
    directory = Path(sys.argv[1])
    directory.mkdir(exist_ok=True)
    rows = examples(words())
    for name, evaluated in (("set", rows), ("stream", Stream(rows))):
        # Each process would choose another one: the name has the time and the process in it.
        where = None if name == "set" else directory / "stream" / "logged"
        callback = ActiVisCallback(log_dir=where, layers=LAYERS, sample=5, strict=True)
        train(directory, name, evaluated, rows, callback)
    train(directory, "set", rows, rows)
    # A group that is left to the interpreter's end may end the process with it.
    dist.barrier()
    dist.destroy_process_group()
