"""Runs that are thinned, and what they are compared with: the same run without `keep=`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.alerts.published import after_snapshot
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder

LAYERS, NEURONS, INSTANCES, CLASSES = ("early", "late"), 256, 240, ("ant", "bee", "cat")
OPTIONS = {"on_finding": None, "alerts": False, "scalars": False}


def recorder(log_dir: Path, keep: int | None, **options: object) -> Recorder:
    """A recorder of two layers, which thins its run to `keep` snapshots."""
    shape = schema.Shape((-1, NEURONS))
    nodes = (
        schema.Node("", None, "module", "Net", "Net"),
        *(schema.Node(name, "", "module", name, "Linear") for name in LAYERS),
    )
    infos = [schema.LayerInfo(name, NEURONS, "none", 0, shape) for name in LAYERS]
    graph = schema.Graph("torch", "Net", nodes, ())
    made = Recorder(
        log_dir,
        graph,
        infos,
        class_names=CLASSES,
        strict=True,
        on_published=after_snapshot({**OPTIONS, "keep": keep}),
        **options,  # type: ignore[arg-type]
    )
    made.quiet = True
    return made


def activations(step: int, name: str) -> np.ndarray:
    """What a layer gives at a step, float32 [instances, neurons]; those of `late` lie along one direction from step 5 on."""
    random = np.random.default_rng([step, LAYERS.index(name)])
    values = random.normal(size=(INSTANCES, NEURONS)).astype(np.float32)
    if name == "late" and step >= 5:
        along = np.linspace(-1, 1, INSTANCES, dtype=np.float32)
        values = 100 * along[:, None] * np.ones(NEURONS, np.float32) + 0.01 * values
    return values


def log(made: Recorder, steps: Sequence[int], *, pictures: int | None = 0) -> None:
    """Logs steps: at "site" B everything is wrong from step 3 on. `pictures`: seed of them; None: other ones at each step."""
    labels = np.arange(INSTANCES) % len(CLASSES)
    site = np.where(np.arange(INSTANCES) % 4 == 0, "B", "A")
    for step in steps:
        predicted = np.where((site == "B") & (step >= 3), (labels + 1) % len(CLASSES), labels)
        outputs = 4 * np.eye(len(CLASSES), dtype=np.float32)[predicted]
        random = np.random.default_rng(step if pictures is None else pictures)
        images = random.random((INSTANCES, 1, 8, 8)).astype(np.float32)
        with made.guard(step), made.snapshot(step) as evaluation:
            evaluation.add(
                BatchRecord(
                    {name: activations(step, name) for name in LAYERS},
                    inputs=images,
                    labels=labels,
                    outputs=outputs,
                    ids=list(range(INSTANCES)),
                    channels="first",
                    columns={"site": site.tolist()},
                )
            )
