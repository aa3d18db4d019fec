"""Processes that log snapshots until they are killed, and say of each that it was announced.

Run with the name of a face, it reads one order a line from its standard input and forks the processes of each: frameworks are
imported once. What is logged follows from seed and step alone, so that whoever kills them can tell what must be there.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tensorboard_activis.capture.batch_record import BatchRecord

INSTANCES, FEATURES, WIDTH, CLASSES = 300, 16, 128, 3
#: The two layers that are recorded, by face.
LAYERS = {"recorder": ("stem", "head"), "torch": ("relu", "head"), "keras": ("stem", "head")}
#: Processes that log together, by face.
SIZES = {"recorder": 1, "torch": 1, "keras": 1, "torch-2": 2, "recorder-keep": 1, "torch-2-keep": 2}
#: Snapshots with large arrays that a face keeps; the others keep all.
KEEPS = {"recorder-keep": 3, "torch-2-keep": 3}


def inputs() -> tuple[np.ndarray, np.ndarray]:
    """The evaluation data: float32 [instances, features], int64 [instances]."""
    random = np.random.default_rng(0)
    return random.normal(size=(INSTANCES, FEATURES)).astype(np.float32), random.integers(0, CLASSES, INSTANCES)


def weights(seed: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Of two layers, float32 [features, width] and [width, classes]."""
    random = np.random.default_rng([seed, step])
    first, second = random.normal(size=(FEATURES, WIDTH)), random.normal(size=(WIDTH, CLASSES))
    return first.astype(np.float32), (second / 16).astype(np.float32)


def activations(seed: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    """What the two layers give, float32 [instances, width] and [instances, classes]."""
    first, second = weights(seed, step)
    hidden = np.maximum(inputs()[0] @ first, 0)
    return hidden, hidden @ second


def log_with_recorder(
    log_dir: Path | str, seed: int, strict: bool = True, keep: int | None = None, processes: Any = None
) -> Callable[[int], None]:
    """The framework-free half alone; of several processes, each has every so manieth instance."""
    from tensorboard_activis import schema
    from tensorboard_activis.alerts.published import after_snapshot
    from tensorboard_activis.capture.recorder import Recorder

    shape = schema.Shape((-1, WIDTH))
    nodes = [schema.Node("", None, "module", "Net", "Net")]
    nodes += [schema.Node(name, "", "module", name, "Linear") for name in LAYERS["recorder"]]
    layers = [
        schema.LayerInfo(name, width, "none", 0, shape)
        for name, width in zip(LAYERS["recorder"], (WIDTH, CLASSES), strict=True)
    ]
    options = {"on_finding": None, "alerts": False, "scalars": False, "keep": keep}
    graph = schema.Graph("torch", "Net", tuple(nodes), ())
    log = Recorder(log_dir, graph, layers, strict=strict, processes=processes, on_published=after_snapshot(options))
    x, labels = inputs()
    every = slice(0, None) if processes is None else slice(processes.rank, None, processes.size)

    def snapshot(step: int) -> None:
        hidden, logits = activations(seed, step)
        with log.guard(step), log.snapshot(step) as evaluation:
            for batch in (slice(0, 170), slice(170, INSTANCES)):
                rows = np.arange(INSTANCES)[batch][every]
                evaluation.add(
                    BatchRecord(
                        {"stem": hidden[rows], "head": logits[rows]},
                        inputs=x[rows],
                        labels=labels[rows],
                        outputs=logits[rows],
                        ids=rows.tolist(),
                    )
                )

    snapshot.close = log.close  # type: ignore[attr-defined]
    return snapshot


def log_with_torch(
    log_dir: Path | str, seed: int, strict: bool = True, loader: Any = None, keep: int | None = None
) -> Callable[[int], None]:
    """`ActiVisLogger` on a network whose weights are those of the step."""
    import torch
    from torch import nn

    from tensorboard_activis.torch import ActiVisLogger

    torch.set_num_threads(1)
    model = nn.Sequential()
    model.add_module("stem", nn.Linear(FEATURES, WIDTH, bias=False))
    model.add_module("relu", nn.ReLU())
    model.add_module("head", nn.Linear(WIDTH, CLASSES, bias=False))
    data = tuple(map(torch.from_numpy, inputs()))
    layers = list(LAYERS["torch"])
    log = ActiVisLogger(log_dir, model, loader or data, layers=layers, strict=strict, progress=False, keep=keep)

    def snapshot(step: int) -> None:
        with torch.no_grad():
            for name, values in zip(("stem", "head"), weights(seed, step), strict=True):
                model.get_submodule(name).weight.copy_(torch.from_numpy(values.T.copy()))  # type: ignore[operator]
        log.log(step)

    return snapshot


def log_with_ranks(
    log_dir: Path | str, seed: int, strict: bool = True, keep: int | None = None
) -> Callable[[int], None]:
    """`log_with_torch` in each of several processes, to which the data are dealt out."""
    import torch
    from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

    data = TensorDataset(*map(torch.from_numpy, inputs()))
    loader = DataLoader(data, 40, sampler=DistributedSampler(data, shuffle=False))
    return log_with_torch(log_dir, seed, strict, loader, keep)


def log_with_keras(log_dir: Path | str, seed: int, strict: bool = True) -> Callable[[int], None]:
    """`ActiVisCallback` on a network whose weights are those of the step."""
    import keras

    from tensorboard_activis.keras import ActiVisCallback

    stem = keras.layers.Dense(WIDTH, activation="relu", use_bias=False, name="stem")
    head = keras.layers.Dense(CLASSES, use_bias=False, name="head")
    model = keras.Sequential([keras.Input((FEATURES,)), stem, head])
    log = ActiVisCallback(log_dir, *inputs(), layers=list(LAYERS["keras"]), strict=strict, progress=False)
    log.set_model(model)

    def snapshot(step: int) -> None:
        for layer, values in zip((stem, head), weights(seed, step), strict=True):
            layer.set_weights([values])
        log.log(step)

    return snapshot


FACES: Mapping[str, Callable[..., Callable[[int], None]]] = {
    "recorder": log_with_recorder,
    "torch": log_with_torch,
    "keras": log_with_keras,
    "torch-2": log_with_ranks,
    "recorder-keep": partial(log_with_recorder, keep=KEEPS["recorder-keep"]),
    "torch-2-keep": partial(log_with_ranks, keep=KEEPS["torch-2-keep"]),
}
_IMPORTS = {
    "recorder": "capture.recorder",
    "torch": "torch",
    "keras": "keras",
    "torch-2": "torch",
    "recorder-keep": "thinning.logger",
    "torch-2-keep": "torch",
}


def say(rank: int, text: str) -> None:
    """One line to whoever listens, at once."""
    os.write(1, f"{rank} {text}\n".encode())


def obey(face: str, order: dict, rank: int, store: Callable[[], Any]) -> None:
    """Logs from the first step on without end."""
    say(rank, f"started {os.getpid()}")
    try:
        if SIZES[face] > 1:
            import torch.distributed as dist

            dist.init_process_group(
                "gloo", store=store(), rank=rank, world_size=SIZES[face], timeout=timedelta(seconds=20)
            )
        snapshot = FACES[face](Path(order["log_dir"]), order["seed"])
        say(rank, "ready")
        step = order["first"]
        while True:
            snapshot(step)
            say(rank, f"announced {step}")
            step += 1
    except BaseException as error:
        say(rank, f"fault {type(error).__name__}: {error}".replace("\n", " "))
        raise


def stores(face: str) -> Callable[[int], Callable[[], Any]]:
    """By the number of an order, what makes the store by which its processes find each other; this one outlives them."""
    if SIZES[face] == 1:
        return lambda number: lambda: None
    import torch.distributed

    dist: Any = torch.distributed
    port = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    _kept.append(port)
    return lambda number: lambda: dist.PrefixStore(f"{number}", dist.TCPStore("127.0.0.1", port.port))


_kept: list[Any] = []


def main(face: str) -> None:
    """Serves until its input ends."""
    # What a process would import first: the killing shall hit the logging, not the import of a framework.
    __import__(f"tensorboard_activis.{_IMPORTS[face]}")
    store = stores(face)
    for number, line in enumerate(sys.stdin):
        order = json.loads(line)
        children = []
        for rank in range(SIZES[face]):
            child = os.fork()
            if not child:
                try:
                    obey(face, order, rank, store(number))
                finally:
                    os._exit(1)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
        say(0, "ended")


if __name__ == "__main__":
    main(sys.argv[1])
