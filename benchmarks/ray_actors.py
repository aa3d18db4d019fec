"""What recording costs where Ray evaluates: `tensorboard_activis.ray.log` beside a plain `map_batches` with the same model.

First what an actor does with a part, in this process, beside the same batches through the same model: processor time, in turns.
Then the cluster: processor time of all of its processes, driver included, per instance, as the difference between a long and a
short run, so that what it takes to start actors and to record the graph is apart; and the memory of the driver, whose growth with
the number of instances is the figure. A ResNet-18 of a quarter of the width, images of 32 pixels, batches of 256, one thread per
actor.

Usage: python benchmarks/ray_actors.py [INSTANCES [ACTORS…]]     # INSTANCES 0: the actor alone
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
import pickle
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
import ray
import ray.data
import torch
from ray.data.block import BlockAccessor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks._networks import ResNet
from benchmarks.memory import growth
from tensorboard_activis.capture.contribution import Contribution
from tensorboard_activis.capture.options import RayOptions, options_of
from tensorboard_activis.capture.ray.columns import DatasetColumns
from tensorboard_activis.capture.ray.evaluator import Evaluator, Part, Plan
from tensorboard_activis.capture.ray.rows import Rows
from tensorboard_activis.ray import log

BATCH, LIMIT, TURNS = 256, 1.10, 4


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


def taken(work: Callable[[], None]) -> float:
    """Processor seconds of a piece of work: of this process and all that it started, those that end meanwhile included.

    Ray's daemon does not add up the processes that it ends, so each process is looked at ten times a second.
    """
    own, done = psutil.Process(), threading.Event()
    seen: dict[tuple[int, float], float] = {}

    def look() -> None:
        for process in (own, *own.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                seen[process.pid, process.create_time()] = sum(process.cpu_times()[:2])

    def watch() -> None:
        while not done.wait(0.1):
            look()

    look()
    before = sum(seen.values())
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    look()
    return sum(seen.values()) - before


def on_an_actor() -> None:
    """Prints what recording a part costs an actor, and the driver."""
    blocks = [BlockAccessor.batch_to_arrow_block(images({"id": np.arange(start, start + 512)})) for start in (0, 512)]
    part = Part(1, 0, ((0, 512),) * len(blocks))
    head = next(iter(Rows(blocks, part.slices, 0, BATCH)))
    columns = DatasetColumns("image", None, None, None, None, None)
    model = Predict()

    def plainly() -> None:
        for batch in Rows(blocks, part.slices, 0, BATCH):
            model(batch)

    ways: dict[str, Callable[[], Any]] = {"model alone": plainly}
    contributions: dict[str, Contribution] = {}
    for name, given, bound in (
        ("part midway", {}, np.uint64(2**64 // 100)),
        ("part midway, positions=0", {"positions": 0}, np.uint64(2**64 // 100)),
    ):
        plan = Plan(make, columns, {**options_of(RayOptions, {}), **given}, BATCH)
        actor = Evaluator()
        prepared = actor.prepare(plan, head)

        def evaluated(
            actor: Evaluator = actor, plan: Plan = plan, prepared: Any = prepared, bound: Any = bound, name: str = name
        ) -> None:
            found = actor.evaluate(plan, part, prepared, bound, head, None, *blocks).contribution
            assert found is not None
            contributions[name] = found

        ways[name] = evaluated
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TURNS + 1):  # the first is a warm-up
        for name, work in ways.items():
            begin = time.process_time()
            work()
            times[name].append(time.process_time() - begin)
    for name, each in times.items():
        ratio = median(np.array(each[1:]) / np.array(times["model alone"][1:]))
        verdict = "" if name == "model alone" else f"   limit {LIMIT} {'ok' if ratio <= LIMIT else 'MISSED'}"
        size = f"{len(pickle.dumps(contributions[name])) / 1e6:6.2f} MB sent" if name in contributions else ""
        print(
            f"{name:<28}{median(each[1:]) / part.rows * 1000:>8.3f} ms per instance, {ratio:.3f} times {size}{verdict}",
            flush=True,
        )


def main() -> None:
    on_an_actor()
    if sys.argv[1:] == ["0"]:
        return
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 81_920
    chosen = [int(each) for each in sys.argv[2:]] or [1, 2]
    logging.getLogger("ray").setLevel(logging.ERROR)
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=400 << 20, log_to_driver=False)
    ways: dict[str, Callable[..., None]] = {
        "map_batches": plain,
        "log": recorded,
        "log, positions=0": lambda instances, actors: recorded(instances, actors, positions=0),
    }
    plain(BATCH, 1)  # the first run starts more than the later ones
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
