"""Small runs of every kind, for exports: tasks, texts, tokens, positions, heads, thinned steps, columns of all types, odd names."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tests.positions import write_positions_run
from tests.records import Data, small_data, small_graph, small_layers, write_run
from tests.thinning import runs as thinned_runs

#: Texts that file systems, addresses, regular expressions and JSON have a meaning for.
ODD = ("a/b", "con", "100%", "x#y?z=&", "naïve ☃ 你好", "q\"u'o\\te", "<b>", "  ", "\U0001f600", "ﬀ", "__proto__")


def data_of(labels: np.ndarray, outputs: np.ndarray) -> Data:
    """Random activations for these labels and outputs."""
    made = small_data(len(labels))
    return Data(made.ids, made.images, labels, outputs.astype(np.float32), made.activations)


def regression(log_dir: Path) -> None:
    random, target = np.random.default_rng(0), np.linspace(-2, 3, 40)
    write_run(log_dir, data_of(target, target + random.normal(scale=0.4, size=40)), class_names=None)


def ranking(log_dir: Path) -> None:
    random, target = np.random.default_rng(1), np.linspace(-2, 3, 40)
    write_run(log_dir, data_of(target, target + random.normal(size=40)), task="ranking", class_names=None)


def multilabel(log_dir: Path) -> None:
    """Names of classes have what lists are joined with."""
    random = np.random.default_rng(2)
    flags = random.integers(0, 2, (30, 3))
    flags[:2] = 0  # instances without any label
    outputs = flags * 4 - 2 + random.normal(scale=2, size=(30, 3))
    write_run(log_dir, data_of(flags, outputs), task="multilabel", class_names=["ant", "bee, honey", "cat"])


def unlabelled(log_dir: Path) -> None:
    """Pictures alone, without labels and outputs."""
    data = small_data(23)
    recorder = Recorder(log_dir, small_graph(), small_layers(), strict=True)
    with recorder.guard(3), recorder.snapshot(3) as evaluation:
        evaluation.add(BatchRecord(dict(data.activations), inputs=data.images, ids=data.ids.tolist(), channels="first"))
    recorder.close()


def texts(log_dir: Path) -> None:
    said = [f"<b>question {index}</b> of a user: {ODD[index % len(ODD)]}" for index in range(24)]
    said[5] = "long " * 900
    write_run(log_dir, small_data(24), texts=said)


def positions(log_dir: Path) -> None:
    write_positions_run(log_dir, (3, 4))


def heads(log_dir: Path) -> None:
    """Attention of pinned instances, one of which has too many positions for a table of cells."""
    import torch

    from tensorboard_activis.torch import ActiVisLogger
    from tests.browser.test_heads import Model

    torch.manual_seed(0)
    pinned = [(torch.randn(2, 5, 8), torch.tensor([0, 1])), (torch.randn(1, 80, 8), torch.tensor([2]))]
    data = torch.randn(12, 5, 8), torch.arange(12) % 3
    with ActiVisLogger(log_dir, Model(), data, pinned=pinned, strict=True) as logger:
        logger.log(0)


def tokens(log_dir: Path) -> None:
    """A language model, of which every token is an instance."""
    import torch

    from tensorboard_activis.torch import ActiVisLogger
    from tests.browser.test_tokens import MANY, Model, Words, batch

    torch.manual_seed(0)
    data = batch(MANY)
    data["labels"] = torch.where(data["input_ids"] > 0, data["input_ids"], -100)
    options: dict[str, Any] = {"unit": "position", "tokenizer": Words(MANY), "sample": 150, "strict": True}
    with ActiVisLogger(
        log_dir, Model(len(MANY) + 1, len(MANY) + 1), [data], subsets={"the": 'token == " the"'}, **options
    ) as logger:
        logger.log(1)


def thinned(log_dir: Path) -> None:
    """Three steps, of which the one in the middle lost its instances."""
    made = thinned_runs.recorder(log_dir, 2)
    thinned_runs.log(made, range(3))
    made.close()


def others(log_dir: Path) -> None:
    """Two steps that kept other instances, half of them the same."""
    data = small_data(40)
    for step, rows in ((1, slice(0, 26)), (2, slice(13, 40))):
        part = Data(
            data.ids[rows],
            data.images[rows],
            data.labels[rows],
            data.logits[rows] * step,
            {name: values[rows] * step for name, values in data.activations.items()},
            depth=True,
        )
        write_run(log_dir, part, (step,))


def columns(log_dir: Path) -> None:
    """Columns of every type with missing values, and activations that are no numbers."""
    data = small_data(36)
    head = data.activations["head"].copy()
    head[3, 1], head[5, 2], head[:, 0] = np.nan, np.inf, 0
    begin = datetime(2024, 5, 1, 22, 30, tzinfo=UTC)
    values: Mapping[str, list[Any]] = {
        "taken": [None if i % 9 == 0 else begin + timedelta(hours=7 * (i // 2), microseconds=i % 2) for i in range(36)],
        "flag": [None if i % 5 == 0 else i % 2 == 0 for i in range(36)],
        "whole": [2**53 - 2 + i % 4 if i % 6 else None for i in range(36)],
        "share": [[float("nan"), float("inf"), -float("inf")][i % 3] if i % 8 == 0 else i / 7 for i in range(36)],
        "word": [None if i % 10 == 0 else ODD[i % len(ODD)] for i in range(36)],
        "many": [f"value {i} " + "long " * (500 * (i == 4)) for i in range(36)],
        "1": [["1", "2", "x"][i % 3] for i in range(36)],
    }
    changed = replace(data, activations={**data.activations, "head": head})
    write_run(log_dir, changed, (5,), columns=values, sample=30, subsets={"late": 'taken > "2024-05-05"'}, strict=False)


def names(log_dir: Path) -> None:
    """Layers, classes, subsets and ids under odd and very long names."""
    long = "very/long." * 40
    shape = schema.Shape((-1, 3))
    layers = tuple(
        schema.LayerInfo(name, count, "none", 0, shape)
        for name, count in ((f"{long}<script>", 5), ("con#?%2F☃ \u2028", 3))
    )
    nodes = (
        schema.Node("", None, "module", "Net", "Net", (shape,)),
        *(schema.Node(layer.name, "", "module", layer.name, "Linear", (shape,)) for layer in layers),
    )
    data, classes = small_data(33), ("</script><b>", "aux" * 80, "😀 \u2029, é")
    recorder = Recorder(
        log_dir,
        schema.Graph("torch", "Net", nodes, ()),
        layers,
        class_names=classes,
        strict=True,
        subsets={name: f"score < {0.3 + place / 20}" for place, name in enumerate(ODD) if name.strip()},
    )
    with recorder.guard(3), recorder.snapshot(3) as evaluation:
        evaluation.add(
            BatchRecord(
                {layers[0].name: data.activations["stem/relu"], layers[1].name: data.logits},
                inputs=data.images,
                channels="first",
                labels=data.labels,
                outputs=data.logits,
                ids=[f"{ODD[i % len(ODD)]}{i}" for i in range(33)],
            )
        )
    recorder.close()


def few(log_dir: Path) -> None:
    """Two instances of one class."""
    data = small_data(2)
    write_run(log_dir, replace(data, labels=np.ones(2, int)), (3,))


KINDS: Mapping[str, Callable[[Path], None]] = {
    made.__name__: made
    for made in (
        regression,
        ranking,
        multilabel,
        unlabelled,
        texts,
        positions,
        heads,
        tokens,
        thinned,
        others,
        columns,
        names,
        few,
    )
}
