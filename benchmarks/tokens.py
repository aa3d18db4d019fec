"""The CPU time of a snapshot whose instances are tokens, beside a plain evaluation pass over the same texts; and its memory.

A GPT of 6 layers of width 256, random texts of 128 tokens without padding, three subsets of the user's: statistics of every neuron
over all tokens, the sample, loss and prediction of each token. Medians of the ratios of runs that take turns. The memory is the
largest of a process that logs so many tokens, in batches that are made as they are read: it does not grow with their number.

Usage: python benchmarks/tokens.py [TOKENS [REPEATS [WORDS]]]
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks._networks import GPT
from benchmarks._pairs import in_turns, line
from tensorboard_activis.torch import ActiVisLogger

LENGTH, BATCH, LIMIT = 128, 16, 1.15
SUBSETS = {"the": 'token == "7"', "early": "position < 5", "hard": "loss > 4 and not correct"}


class Texts:
    """Random texts, the same in every pass; the label of a token is the next one."""

    def __init__(self, tokens: int, words: int) -> None:
        self.batches, self._words = max(1, tokens // (LENGTH * BATCH)), words

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number in range(self.batches):
            ids = torch.randint(0, self._words, (BATCH, LENGTH), generator=torch.Generator().manual_seed(number))
            yield {"input_ids": ids, "labels": ids, "names": [f"{number}-{row}" for row in range(BATCH)]}


def evaluation(model: nn.Module, texts: Texts) -> Callable[[], object]:
    """The plain pass: loss and accuracy."""

    def run() -> float:
        model.eval()
        loss, right = 0.0, 0
        with torch.no_grad():
            for batch in texts:
                logits = model(batch["input_ids"])[:, :-1].flatten(0, 1)
                labels = batch["labels"][:, 1:].flatten()
                loss += float(nn.functional.cross_entropy(logits, labels, reduction="sum"))
                right += int((logits.argmax(1) == labels).sum())
        return loss + right

    return run


def logger(directory: str, model: nn.Module, texts: Texts, layers: Sequence[str] | None = None) -> ActiVisLogger:
    """A logger of every token."""
    return ActiVisLogger(
        directory,
        model,
        texts,
        unit="position",
        layers=layers,
        id=lambda batch: batch["names"],
        unpack=lambda batch: (batch["input_ids"], batch["labels"]),
        subsets=SUBSETS,
        strict=True,
    )


def most_memory(tokens: int, words: int) -> float:
    """Megabytes of a process that logs so many tokens."""
    command = [sys.executable, __file__, "memory", str(tokens), str(words)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def main() -> None:
    """Prints the table, or, with `memory`, the largest memory of logging so many tokens."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if sys.argv[1:2] == ["memory"]:
        tokens, words = map(int, sys.argv[2:])
        with (
            tempfile.TemporaryDirectory() as directory,
            logger(directory, GPT(6, words=words), Texts(tokens, words)) as one,
        ):
            one.quiet = True
            one.log(1)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    tokens, repeats, words = (int(one) for one in [*sys.argv[1:], *("32768", "3", "1000")[len(sys.argv) - 1 :]])
    model, texts, steps = GPT(6, words=words), Texts(tokens, words), count()
    with tempfile.TemporaryDirectory() as directory:
        loggers = {
            "the default": logger(f"{directory}/default", model, texts),
            "blocks and logits": logger(f"{directory}/blocks", model, texts, ["tokens", "blocks.?", "norm", "head"]),
        }
        ways: dict[str, Callable[[], object]] = {"plain": evaluation(model, texts)}
        for name, one in loggers.items():
            one.quiet = True
            ways[name] = partial(lambda one: one.log(next(steps)), one)
        taken = in_turns(ways, repeats, time.process_time)
        print(f"GPT, 6 x 256, vocabulary {words:,}: {texts.batches * BATCH * LENGTH:,} tokens")
        print(line("  evaluation pass", taken["plain"], taken["plain"]))
        for name, one in loggers.items():
            neurons = sum(layer.neurons for layer in one.layers)
            what = f"  ActiVis, {len(one.layers)} layers ({name}), {neurons:,}"
            print(line(what, taken[name], taken["plain"], LIMIT), flush=True)
            one.close()
    few, many = (most_memory(size, words) for size in (tokens, 4 * tokens))
    print(f"  memory: {few:,.0f} MB for these, {many:,.0f} MB for four times as many", flush=True)


if __name__ == "__main__":
    main()
