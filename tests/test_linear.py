"""Twice as many classes, layers, columns or subsets take about twice as long, never four times.

Each size would take many times the limit, in seconds of the processor, if it were looked at pair by pair.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.collector import SnapshotCollector
from tensorboard_activis.capture.graph.layers import choose, feed_relu
from tensorboard_activis.capture.graph.union import union
from tensorboard_activis.capture.keras.graph.recording import _drop_unused_operators
from tensorboard_activis.capture.options import check_options
from tensorboard_activis.capture.publication import SnapshotOptions
from tensorboard_activis.capture.torch.graph.builder import DraftNode, GraphBuilder
from tensorboard_activis.errors import ConfigurationError, UnreadableError
from tensorboard_activis.leftovers import leftovers
from tensorboard_activis.query.matrix.rows import subset_index
from tensorboard_activis.read.instances import _check
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.processor_time import at_most
from tests.records import small_graph

SHAPE = schema.Shape((-1, 5))
LIMIT = 3.0


def test_class_names() -> None:
    names = [f"class {index}" for index in range(100_000)]
    with at_most(LIMIT):
        check_options(class_names=names)
        with pytest.raises(ConfigurationError, match="'class 7' is there more than once"):
            check_options(class_names=[*names, "class 9", "class 7"])
    with pytest.raises(ConfigurationError) as caught:
        check_options(class_names=[*names, 7])  # type: ignore[list-item]
    assert len(str(caught.value)) < 500


def chain(count: int) -> schema.Graph:
    """A model of so many layers, every second of them a ReLU."""
    nodes = [schema.Node("", None, "module", "Net", "Net", (SHAPE,))]
    for index in range(count):
        kind = "ReLU" if index % 2 else "Linear"
        nodes.append(schema.Node(f"m{index}", "", "module", kind, kind, (SHAPE,)))
    edges = tuple(schema.Edge(f"m{index}", f"m{index + 1}", SHAPE) for index in range(count - 1))
    return schema.Graph("torch", "Net", tuple(nodes), edges)


def test_layers() -> None:
    graph = chain(20_000)
    names = [f"m{index}" for index in range(20_000)]
    with at_most(LIMIT):
        assert len(choose(graph, None).names) == 40
        assert choose(graph, names).names == names
        assert feed_relu(graph, names) == set(names[:-1:2])


def test_operators_of_one_name() -> None:
    """Each is a node as soon as it ran, and what it held is asked for."""
    count = 10_000
    builder = GraphBuilder({"": torch.nn.Identity()})
    with at_most(LIMIT):
        for index in range(count):
            key = builder.unused_key("/relu")
            builder.add(DraftNode(key, "", "operator", "relu"))
            builder.add_edge("/relu" if index == 1 else f"/relu_{index - 1}", key, SHAPE)
            builder.remove(builder.children(key))
    assert key == f"/relu_{count - 1}"
    builder.remove(["/relu_7"])
    assert builder.unused_key("/relu") == "/relu_7"


def test_paths() -> None:
    """A holder of layers that passes its input on in one pass, many times over."""
    count = 4_000
    nodes = [schema.Node("", None, "module", "Net", "Net", (SHAPE,))]
    for index in range(count):
        nodes += [
            schema.Node(f"b{index}", "", "module", "B", "B"),
            schema.Node(f"b{index}.a", f"b{index}", "module", "a", "A"),
        ]
    through = tuple(schema.Edge(f"b{index}", f"b{index + 1}", SHAPE) for index in range(count - 1))
    children = tuple(schema.Edge(f"b{index}.a", f"b{index + 1}.a", SHAPE) for index in range(count - 1))
    one = schema.Graph("torch", "Net", tuple(nodes), (schema.Edge("b0.a", "b0", SHAPE), *through))
    with at_most(LIMIT):
        found = union([one, schema.Graph("torch", "Net", tuple(nodes), children)])
    assert {(edge.source, edge.target) for edge in found.edges} == {(edge.source, edge.target) for edge in children}


def test_operators_whose_result_goes_nowhere() -> None:
    """Masks of masks: each is idle once the one behind it is gone."""
    count = 4_000
    drafts: dict[str, Any] = {f"o{index}": SimpleNamespace(kind="operator") for index in range(count)}
    drafts["kept"] = SimpleNamespace(kind="module")
    edges = {(f"o{index}", f"o{index + 1}"): SHAPE for index in range(count - 1)} | {("o3", "kept"): SHAPE}
    recorder: Any = SimpleNamespace(drafts=drafts, edges=edges, queries={})
    with at_most(LIMIT):
        _drop_unused_operators(recorder)
    assert list(recorder.drafts) == ["o0", "o1", "o2", "o3", "kept"]
    assert list(recorder.edges) == [("o0", "o1"), ("o1", "o2"), ("o2", "o3"), ("o3", "kept")]


def test_columns_that_are_written() -> None:
    columns = {f"column {index}": [1.0, 2.0, 3.0] for index in range(5_000)}
    evaluation = SnapshotCollector(SnapshotOptions((), None, {}, None), 0)
    with at_most(LIMIT):
        evaluation.add(BatchRecord({}, outputs=np.zeros((3, 5)), labels=np.zeros(3, np.int64), columns=columns))


def test_columns_that_are_read() -> None:
    names = [f"column {index}" for index in range(30_000)]
    with at_most(LIMIT):
        _check(pa.table([pa.array([1])] * 30_001, names=["id", *names]), "here")
    with pytest.raises(UnreadableError, match="'column 7'"):
        _check(pa.table([pa.array([1])] * 30_002, names=["id", *names, "column 7"]), "here")


def test_subsets() -> None:
    subsets = tuple(schema.Subset(f"subset {index}", "user", "id > 0", 0) for index in range(20_000))
    record: Any = SimpleNamespace(step=0, subsets=(*subsets, subsets[7]))
    snapshot = SnapshotReader(record, Path())
    with at_most(LIMIT):
        assert [subset_index(snapshot, subset.name) for subset in subsets] == list(range(20_000))


def test_subsets_that_are_checked() -> None:
    with at_most(LIMIT):
        check_options(subsets={f"subset {index}": f"id == {index}" for index in range(3_000)})


def test_files_that_were_begun(tmp_path: Path) -> None:
    for index in range(5_000):
        (tmp_path / f".instances-{index:08x}.parquet.0123456789abcdef.partial").touch()
    with at_most(LIMIT):
        assert len(leftovers(tmp_path)) == 5_000


def test_the_small_graph_is_as_before() -> None:
    assert feed_relu(small_graph(), ["stem", "stem.conv", "stem/relu", "head"]) == {"stem.conv"}
