"""CPU time that effects add to a snapshot, in parts of a plain evaluation pass: by gradients, and tried. One thread.

The labels are drawn, so that most instances are wrong, and as many are run again as `effects_share` allows. Each figure is
the median, over passes that take turns, of the difference between a snapshot with effects and one without, over the plain pass.

Usage: python benchmarks/effects_cost.py [REPEATS] [INSTANCES] [resnet | bert]
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks._networks import resnet
from benchmarks.positions import bert, images, texts
from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger

#: The most that something that is on by default may cost, and what gradients of the margin cost where nothing else was done: at
#: 5 layers, for 10 % and 3 % of all instances.
LIMIT, GOALS = 0.05, {0.10: 0.23, 0.03: 0.14}
SHARES = (0.03, 0.05, 0.10)


def plain(model: nn.Module, data: Any) -> None:
    """An evaluation pass that computes nothing but the outputs."""
    model.eval()
    with torch.no_grad():
        for batch in data:
            if isinstance(batch, dict):
                model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
            else:
                model(batch[0])


def measure(title: str, model: nn.Module, data: Any, layers: list[str] | None, repeats: int) -> None:
    """Lines of one network."""
    ways: dict[str, dict[str, Any]] = {"without": {}}
    ways |= {f"gradients, {share:.0%}": {"effects": "gradients", "effects_share": share} for share in SHARES}
    ways |= {"tried, 5%": {"effects": "tried"}}
    with tempfile.TemporaryDirectory() as directory:
        loggers = {
            name: ActiVisLogger(
                Path(directory, name), model, data, layers=layers, progress=False, strict=True, **options
            )
            for name, options in ways.items()
        }
        taken: dict[str, list[float]] = {name: [] for name in ("plain", *ways)}
        for step in range(repeats + 1):  # the first of each is not counted
            for name in taken:
                run: Callable[[], Any] = (
                    partial(plain, model, data) if name == "plain" else partial(loggers[name].log, step)
                )
                begun = time.process_time()
                run()
                taken[name].append(time.process_time() - begun)
        for name, logger in loggers.items():
            logger.close()
            again = 0
            if name != "without":
                snapshot = open_run(Path(directory, name)).latest
                again = snapshot.gradient_effects(list(snapshot.layers)[-1]).rows.size
            seconds = zip(taken[name][1:], taken["without"][1:], taken["plain"][1:], strict=True)
            added = statistics.median((each - without) / whole for each, without, whole in seconds)
            share = ways[name].get("effects_share", 0.05) if name.startswith("gradients") else None
            goal = f"; alone {GOALS[share]:.2f}" if share in GOALS else ""
            print(f"{title}, {name}: {added:+.2f} of the plain pass ({again} instances run again{goal})", flush=True)
        print(f"{title}: the plain pass took {statistics.median(taken['plain'][1:]):.2f} s", flush=True)


def main(repeats: int, instances: int, network: str = "") -> None:
    """Prints the figures of a convolutional network and of a transformer, or of one of them."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    if network in ("", "resnet"):
        measure("ResNet-18, 10 layers", resnet(), images(instances), None, repeats)
    if network in ("", "bert"):
        blocks = [f"bert.encoder.layer.{number}" for number in (1, 3, 5)]
        measure("BERT-6, 5 layers", bert(), texts(instances // 2), [*blocks, "bert.pooler", "classifier"], repeats)


if __name__ == "__main__":
    count, size = [int(one) for one in sys.argv[1:3]] + [5, 1000][len(sys.argv[1:3]) :]
    main(count, size, *sys.argv[3:4])
