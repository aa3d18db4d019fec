"""Small runs of a planted network: a hidden layer, and logits that are a known linear function of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.query.run import open_run
from tensorboard_activis.query.snapshot import Snapshot

CLASSES = ("ant", "bee", "cat")


def network(n: int = 200, neurons: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hidden activations [n, neurons], weights [classes, neurons] and labels [n], most of which the network has right."""
    random = np.random.default_rng(seed)
    weights = random.normal(size=(len(CLASSES), neurons))
    hidden = np.maximum(random.normal(size=(n, neurons)), 0).astype(np.float16).astype(np.float32)
    labels = (hidden @ weights.T).argmax(axis=1)
    flipped = random.random(n) < 0.1
    return hidden, weights, np.where(flipped, (labels + 1) % len(CLASSES), labels)


def log(
    path: Path,
    layers: Mapping[str, np.ndarray],
    outputs: np.ndarray,
    labels: np.ndarray | None,
    *,
    columns: Mapping[str, Sequence[Any]] | None = None,
    batches: int = 1,
    reducer: str = "none",
    **options: Any,
) -> Snapshot:
    """Logs made-up activations with the recorder of the callbacks, and reads them back."""
    infos = tuple(
        schema.LayerInfo(name, values.shape[1], reducer, 0, schema.Shape((-1, values.shape[1])))
        for name, values in layers.items()
    )
    nodes = [schema.Node("", None, "module", "Net", "Net", (schema.Shape((-1, 3)),))]
    nodes += [schema.Node(info.name, "", "module", info.name, "Linear", (info.shape,)) for info in infos]
    arguments: dict[str, Any] = {"class_names": CLASSES, "strict": True} | options
    recorder = Recorder(
        path,
        schema.Graph("torch", "Net", tuple(nodes), ()),
        infos,
        **arguments,
    )
    with recorder.snapshot(1) as evaluation:
        for rows in np.array_split(np.arange(len(outputs)), batches):
            evaluation.add(
                BatchRecord(
                    {name: values[rows] for name, values in layers.items()},
                    inputs=np.zeros((len(rows), 4, 4, 1), np.float32),
                    labels=None if labels is None else labels[rows],
                    outputs=outputs[rows],
                    ids=[int(row) for row in rows],
                    columns={name: [values[row] for row in rows] for name, values in (columns or {}).items()},
                )
            )
    recorder.close()
    return open_run(path).latest
