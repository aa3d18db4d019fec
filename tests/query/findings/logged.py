"""Runs of made-up activations, labels, outputs and columns, written by the real recorder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.query.run import Run, open_run
from tests.records import small_graph

#: The names of `small_graph` that layers may have.
LAYERS = ("stem/relu", "head")


def log(
    where: Path,
    steps: Mapping[int, Mapping[str, np.ndarray]],
    *,
    labels: np.ndarray | None = None,
    logits: np.ndarray | Mapping[int, np.ndarray] | None = None,
    columns: Mapping[str, Sequence[Any]] | None = None,
    texts: list[str] | None = None,
    first_id: Mapping[int, int] | None = None,
    classes: int = 3,
    feeds_relu: bool = False,
    reducer: str = "none",
    inputs: np.ndarray | None = None,
    **options: Any,
) -> Run:
    """Logs layers [instances, neurons] at each step; ids are 0, 1, … or those from `first_id` of
    the step. Without logits every label is predicted right."""
    first = next(iter(steps.values()))
    infos = tuple(
        schema.LayerInfo(name, values.shape[1], reducer, 0, schema.Shape((-1, values.shape[1])), feeds_relu)
        for name, values in first.items()
    )
    arguments: dict[str, Any] = {"class_names": [f"c{index}" for index in range(classes)], "strict": True} | options
    recorder = Recorder(where, small_graph(), infos, **arguments)
    for step, layers in steps.items():
        outputs = logits.get(step) if isinstance(logits, Mapping) else logits
        if outputs is None and labels is not None:
            outputs = 5 * np.eye(classes, dtype=np.float32)[labels]
        count = len(next(iter(layers.values())))
        with recorder.snapshot(step) as evaluation:
            evaluation.add(
                BatchRecord(
                    {name: values.astype(np.float32) for name, values in layers.items()},
                    labels=labels,
                    outputs=outputs,
                    ids=[index + (first_id or {}).get(step, 0) for index in range(count)],
                    texts=texts,
                    inputs=inputs,
                    columns=dict(columns or {}),
                )
            )
    recorder.close()
    return open_run(where)
