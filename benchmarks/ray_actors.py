"""What recording costs where Ray evaluates: `tensorboard_activis.ray.log` beside a plain `map_batches` with the same model.

Processor time of all processes of the cluster, driver included, per instance: the difference between a long and a short run, so
that what it takes to start actors and to record the graph is apart. And the memory of the driver, whose growth with the number of
instances is the figure. A ResNet-18 of a quarter of the width, images of 32 pixels, batches of 256, one thread per actor.

Usage: python benchmarks/ray_actors.py [INSTANCES [ACTORS…]]
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
os.environ |= {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
}

import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import ray
import ray.data
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks._networks import ResNet
from benchmarks.memory import growth
from tensorboard_activis.ray import log

BATCH, LIMIT = 256, 1.10


def make() -> Any:
    """The model, the same on every actor."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return ResNet(width=16).eval()


class Predict:
    """What a plain evaluation does."""

    def __init__(self) -> None:
        self._model = make()

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        with torch.inference_mode():
            logits = self._model(torch.from_numpy(batch["image"].copy()))
        return {"right": logits.argmax(1).numpy() == batch["label"]}


def images(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Images of noise, cheaply."""
    numbers = rows["id"]
    noise = np.random.default_rng(int(numbers[0])).standard_normal((len(numbers), 3, 32, 32), np.float32)
    return {"image": noise, "label": numbers % 10}


def data(instances: int) -> Any:
    """The data set, in blocks of 512 images."""
    return ray.data.range(instances, override_num_blocks=max(1, instances // 512)).map_batches(images, batch_size=512)


def plain(instances: int, actors: int) -> None:
    """Evaluates and counts what is right."""
    done = data(instances).map_batches(
        Predict, batch_size=BATCH, num_cpus=0.4, compute=ray.data.ActorPoolStrategy(size=actors)
    )
    done.sum("right")


def recorded(instances: int, actors: int, **options: Any) -> None:
    """The same, with a snapshot."""
    with tempfile.TemporaryDirectory() as where:
        log(where, 1, make, data(instances), inputs="image", batch_size=BATCH, actors=actors, num_cpus=0.4, **options)


def processor_seconds() -> float:
    """Of this process and all that it started, those that have ended included."""
    own = psutil.Process()
    total = 0.0
    for process in (own, *own.children(recursive=True)):
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return total


def taken(work: Callable[[], None]) -> float:
    """Processor seconds of a piece of work."""
    before = processor_seconds()
    work()
    return processor_seconds() - before


def main() -> None:
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 20_480
    chosen = [int(each) for each in sys.argv[2:]] or [1, 2]
    logging.getLogger("ray").setLevel(logging.ERROR)
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=400 << 20, log_to_driver=False)
    ways: dict[str, Callable[..., None]] = {
        "map_batches": plain,
        "log": recorded,
        "log, positions=0": lambda instances, actors: recorded(instances, actors, positions=0),
    }
    for actors in chosen:
        each = {}
        for name, work in ways.items():
            short = taken(lambda work=work, actors=actors: work(most // 5, actors))  # type: ignore[misc]
            long = taken(lambda work=work, actors=actors: work(most, actors))  # type: ignore[misc]
            each[name] = (long - short) / (most - most // 5)
            ratio = each[name] / each["map_batches"]
            verdict = "" if name == "map_batches" else f"   limit {LIMIT} {'ok' if ratio <= LIMIT else 'MISSED'}"
            start = short - each[name] * (most // 5)
            print(
                f"{actors} actors, {name:<18}{each[name] * 1000:>7.3f} ms of processor per instance, {ratio:.3f} times; to start "
                f"{start:5.1f} s{verdict}",
                flush=True,
            )
    for instances in (most // 5, most):
        _, more = growth(lambda instances=instances: recorded(instances, 2))  # type: ignore[misc]
        print(f"memory of the driver, {instances:>7,} instances: {more:,.1f} MB more than before", flush=True)
    ray.shutdown()


if __name__ == "__main__":
    main()
