"""Two runs whose models differ: in widths, in a type, in attributes, and in nodes that only one of them has."""

import itertools
from pathlib import Path

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder

FIRST, SECOND = "narrow-with-dropout", "wide-and-deeper-after-the-second-review"
INSTANCES = 70
#: So many instances are in the first run alone, and as many in the second alone.
SHIFT = 20
CLASSES = ("ant", "bee", "cat")
#: Neurons of the recorded layers.
WIDTHS = {
    FIRST: {"stem.conv": 5, "body.0.fc": 64, "body.0.act": 64, "dropout": 64, "head": 3},
    SECOND: {"stem.conv": 5, "body.0.fc": 128, "body.0.act": 128, "body.1.fc": 128, "head": 3},
}


def graph(run: str) -> schema.Graph:
    first, width = run == FIRST, WIDTHS[run]["body.0.fc"]
    maps, row = schema.Shape((-1, 5, 8, 8)), schema.Shape((-1, width))
    image, scores = schema.Shape((-1, 1, 8, 8)), schema.Shape((-1, 3))
    hidden = 320 * width + width
    nodes = [
        schema.Node("", None, "module", "Net", "Net", (scores,), parameters=50 + hidden),
        schema.Node("/input", "", "input", "input", "input", (image,)),
        schema.Node("stem", "", "module", "stem", "Sequential", (maps,), parameters=50),
        schema.Node("stem.conv", "stem", "module", "conv", "Conv2d", (maps,), 50, {"kernel_size": "3×3"}),
        schema.Node("stem.relu", "stem", "module", "relu", "ReLU", (maps,)),
        schema.Node("body", "", "module", "body", "Sequential", (row,), parameters=hidden),
        schema.Node("body.0", "body", "module", "0", "Block", (row,), parameters=hidden),
        schema.Node("body.0.fc", "body.0", "module", "fc", "Linear", (row,), hidden),
        schema.Node("body.0.act", "body.0", "module", "act", "ReLU" if first else "GELU", (row,)),
    ]
    chain = ["/input", "stem.conv", "stem.relu", "body.0.fc", "body.0.act"]
    if not first:
        inner = width * width + width
        nodes += [
            schema.Node("body.1", "body", "module", "1", "Block", (row,), parameters=inner),
            schema.Node("body.1.fc", "body.1", "module", "fc", "Linear", (row,), inner),
            schema.Node("body.1.act", "body.1", "module", "act", "GELU", (row,)),
        ]
        chain += ["body.1.fc", "body.1.act"]
    if first:
        nodes.append(schema.Node("dropout", "", "module", "dropout", "Dropout", (row,), attributes={"p": "0.1"}))
        chain.append("dropout")
    nodes += [
        schema.Node("head", "", "module", "head", "Linear", (scores,), width * 3 + 3),
        schema.Node("/output", "", "output", "output", "output", (scores,)),
    ]
    chain += ["head", "/output"]
    shapes = {node.key: node.outputs[0] for node in nodes}
    edges = tuple(schema.Edge(one, two, shapes[one]) for one, two in itertools.pairwise(chain))
    return schema.Graph("torch", "Net", tuple(nodes), edges)


def write(log_dir: Path, shift: int = SHIFT) -> None:
    """Both runs, of one step; of the first run's instances the second lacks the first `shift`.

    Instances are classes in noise, more of it in the second run and in later layers.
    """
    for seed, (run, widths) in enumerate(WIDTHS.items()):
        layers = [
            schema.LayerInfo(name, neurons, "none", 0, schema.Shape((-1, neurons))) for name, neurons in widths.items()
        ]
        recorder = Recorder(log_dir / run, graph(run), layers, class_names=CLASSES, sample=None, strict=True)
        ids = np.arange(INSTANCES) + shift * seed
        labels = ids % 3
        values = {}
        for place, (name, neurons) in enumerate(widths.items()):
            same, own = np.random.default_rng(place), np.random.default_rng([seed, place])
            common = same.normal(size=(INSTANCES + shift, neurons))[ids]
            noise = own.normal(size=(INSTANCES, neurons)) * 0.4 * (1 + place)
            values[name] = (np.eye(3)[labels].repeat(-(-neurons // 3), axis=1)[:, :neurons] + common + noise).astype(
                np.float32
            )
        with recorder.guard(1), recorder.snapshot(1) as evaluation:
            evaluation.add(BatchRecord(values, labels=labels, outputs=values["head"], ids=ids.tolist()))
        recorder.close()
