"""The CPU time of prediction by depth: a snapshot with it beside one without, and a plain pass over the same data. One thread.

Figures are medians of the ratios of runs that take turns.

Usage: python benchmarks/depth.py [REPEATS]
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks._pairs import in_turns, line, ratio
from tensorboard_activis.torch import ActiVisLogger

BATCHES, SIZE, TOKENS, VOCABULARY, LIMIT = 8, 16, 64, 20_000, 1.10

Batches = list[dict[str, torch.Tensor]]


def classifier() -> tuple[nn.Module, Batches]:
    """BERT of 6 blocks that classifies."""
    config = transformers.BertConfig(
        vocab_size=1000,
        hidden_size=256,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=1024,
        num_labels=10,
    )
    ids = torch.randint(0, 1000, (BATCHES, SIZE, TOKENS))
    return transformers.BertForSequenceClassification(config), [
        {"input_ids": batch, "labels": torch.randint(0, 10, (SIZE,))} for batch in ids
    ]


def language_model() -> tuple[nn.Module, Batches]:
    """GPT-2 of 6 blocks, with a vocabulary whose head takes more than all of these."""
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY, n_embd=256, n_layer=6, n_head=4, n_positions=TOKENS, bos_token_id=1, eos_token_id=1
    )
    ids = torch.randint(0, VOCABULARY, (BATCHES, SIZE, TOKENS))
    return transformers.GPT2LMHeadModel(config), [{"input_ids": batch, "labels": batch} for batch in ids]


def measure(name: str, model: Any, batches: Batches, repeats: int) -> None:
    """Prints a line for each way, with its ratio to the snapshot without prediction by depth."""
    model.eval()

    def plain() -> None:
        with torch.no_grad():
            for batch in batches:
                model(**batch)

    with tempfile.TemporaryDirectory() as directory:
        loggers = {
            depth: ActiVisLogger(f"{directory}/{depth}", model, batches, depth=depth, strict=True)
            for depth in (True, False)
        }
        for logger in loggers.values():
            logger.quiet = True
        steps = iter(range(10_000))
        ways = {
            "a plain pass": plain,
            "a snapshot without": lambda: loggers[False].log(next(steps)),
            "a snapshot with prediction by depth": lambda: loggers[True].log(next(steps)),
        }
        taken = in_turns(ways, repeats, time.process_time)
        for logger in loggers.values():
            logger.close()
    print(name)
    reference = taken["a snapshot without"]
    print(line("  a plain pass", taken["a plain pass"], reference))
    print(line("  a snapshot without", reference, reference))
    print(line("  with prediction by depth", taken["a snapshot with prediction by depth"], reference, LIMIT))
    print(f"  against the plain pass: {ratio(taken['a snapshot with prediction by depth'], taken['a plain pass']):.2f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    measure(f"BERT-6 that classifies, {TOKENS} tokens", *classifier(), times)
    measure(f"GPT-2, 6 blocks of 256, {TOKENS} tokens, vocabulary of {VOCABULARY:,}", *language_model(), times)
