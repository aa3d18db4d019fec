"""Records survive the way through protos; lies in them are found."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorboard_activis import activis_pb2 as pb
from tensorboard_activis import bounds, codec, schema
from tensorboard_activis.class_statistics import SCALES
from tensorboard_activis.errors import ActiVisError, UnreadableError
from tests.records import small_graph

names = st.text(st.characters(codec="utf-8"), max_size=12)
naturals = st.integers(0, 2**40)


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...], dtype: str = "float32") -> schema.Array:
    if draw(st.booleans()):
        return schema.Array(dtype, shape, inline=bytes(int(np.prod(shape)) * np.dtype(dtype).itemsize))
    files = draw(st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True))
    return schema.Array(dtype, shape, tensor=draw(names), files=tuple(f"step-{n:010d}-s.safetensors" for n in files))


@st.composite
def positions_of(draw: st.DrawFn, kept: int, neurons: int, pinned: int) -> schema.Positions:
    sequence, k = draw(st.booleans()), draw(st.integers(1, 3))
    sizes = (
        (-1,) if sequence and draw(st.booleans()) else tuple(draw(st.lists(st.integers(1, 20), min_size=1, max_size=3)))
    )
    sizes = sizes[:1] if sequence else sizes
    stored = tuple(3 if size < 0 else draw(st.integers(1, size)) for size in sizes)
    return schema.Positions(
        sizes,
        draw(arrays((kept, neurons), "uint16")),
        draw(arrays((neurons, k), "int32")),
        draw(arrays((neurons, k, *stored), "uint8")),
        draw(arrays((neurons, k, 2))),
        draw(arrays((neurons, k), "uint32")) if sequence else None,
        *((draw(arrays((pinned, *stored, neurons), "uint8")), draw(arrays((pinned, neurons, 2)))) if pinned else ()),
    )


@st.composite
def depths(draw: st.DrawFn, kept: int) -> schema.Depth:
    blocks = draw(st.lists(names, max_size=3))
    top, score = draw(arrays((kept, len(blocks), 5), "int32")), draw(arrays((kept, len(blocks), 5), "float16"))
    rank, right = draw(arrays((kept, len(blocks)), "int32")), draw(arrays((len(blocks),), "float64"))
    label = draw(arrays((kept,), "int32"))
    return schema.Depth(tuple(blocks), top, score, rank, label, right, draw(naturals), draw(names))


@st.composite
def effects_of(draw: st.DrawFn, kept: int, neurons: Mapping[str, int]) -> schema.Effects:
    errors, wrong, tried = draw(st.integers(0, kept)), kept, draw(st.integers(0, kept))
    rows, before = draw(arrays((tried,), "int32")), draw(arrays((tried,)))
    layers = {}
    for name, width in neurons.items():
        gradient, product = draw(arrays((errors, width))), draw(arrays((errors, width)))
        setting = draw(arrays((tried, 5), "int32")), draw(arrays((tried, 5))), draw(arrays((tried,)))
        if draw(st.booleans()):
            layers[name] = schema.LayerEffects(gradient, product, *setting)
        else:
            layers[name] = schema.LayerEffects(gradient)
    return schema.Effects(draw(arrays((errors,), "int32")), wrong, layers, rows, before)


@st.composite
def snapshots(draw: st.DrawFn) -> schema.Snapshot:
    sampled, pinned, subsets, classes = (draw(st.integers(low, high)) for low, high in ((0, 3), (0, 2), (1, 3), (0, 2)))
    kept = sampled + pinned
    layers = []
    for name in draw(st.lists(names, max_size=3, unique=True)):
        neurons = draw(st.integers(0, 5))
        whole = (subsets + classes, neurons)
        count = draw(arrays(draw(st.sampled_from([whole, (subsets + classes, 1)])), "int64"))
        if draw(st.booleans()):
            mean, std, low, high = (draw(arrays((subsets, neurons))) for _ in range(4))
            packed, scales = draw(arrays((classes, neurons), "int32")), draw(arrays((SCALES, neurons)))
            summary = schema.Summary(count, mean, std, low, high, packed, scales)
        else:
            summary = schema.Summary(count, *(draw(arrays(whole)) for _ in range(4)))
        info = schema.LayerInfo(
            name,
            neurons,
            draw(names),
            draw(st.integers(-1, 4)),
            schema.Shape(tuple(draw(st.lists(st.integers(-1, 9), max_size=4))), draw(names)),
            draw(st.booleans()),
        )
        activations = draw(arrays((kept, neurons), "float16"))
        nan, inf, clipped = draw(naturals), draw(naturals), draw(naturals)
        positions = draw(positions_of(kept, neurons, pinned)) if draw(st.booleans()) else None
        layers.append(schema.Layer(info, activations, summary, nan, inf, clipped, positions))
    return schema.Snapshot(
        step=draw(st.integers(-(2**60), 2**60)),
        wall_time=draw(st.floats(0, 2e9)),
        session=draw(names),
        task=draw(names),
        class_names=tuple(draw(st.lists(names, max_size=3))),
        seen=sampled + draw(naturals),
        sample_size=sampled,
        pinned=pinned,
        metrics=draw(st.dictionaries(names, st.floats(allow_nan=False), max_size=2)),
        instances=("instances-0a.parquet",) if draw(st.booleans()) else (),
        columns={name: draw(arrays((kept, 2), "int32")) for name in draw(st.lists(names, max_size=2, unique=True))},
        subsets=tuple(
            schema.Subset(draw(names), kind, draw(names), draw(naturals))
            for kind in draw(st.permutations(["user"] * subsets + ["class"] * classes))
        ),
        layers=tuple(layers),
        notes=tuple(draw(st.lists(names, max_size=2))),
        depth=draw(depths(kept)) if draw(st.booleans()) else None,
        effects=draw(effects_of(kept, {layer.name: layer.neurons for layer in layers}))
        if draw(st.booleans())
        else None,
    )


@given(snapshots())
def test_a_snapshot_survives(snapshot: schema.Snapshot) -> None:
    assert codec.decode_snapshot(codec.encode_snapshot(snapshot)) == snapshot


def test_equal_subsets_of_two_steps_are_one_object_and_others_are_not() -> None:
    """A thousand classes are compared at every step of a history; the same subset twice in one snapshot stays twice."""
    cat, dog = (schema.Subset(name, "class", f'label == "{name}"', 7) for name in ("cat", "dog"))
    steps = ((cat, dog, cat), (cat, dataclasses.replace(dog, count=8)), ())
    blobs = [pb.Snapshot(subsets=[dataclasses.asdict(one) for one in subsets]).SerializeToString() for subsets in steps]
    first, second, empty = (codec.decode_snapshot(blob).subsets for blob in blobs)
    assert (first, second, empty) == steps
    assert first[0] is first[2] is second[0]
    assert second[1] is not first[1]


def test_a_graph_survives() -> None:
    graph = small_graph()
    assert codec.decode_graph(codec.encode_graph(graph)) == graph


def test_equal_graphs_give_equal_bytes_whatever_the_order_of_attributes() -> None:
    def graph(attributes: dict[str, str]) -> schema.Graph:
        return schema.Graph("torch", "Net", (schema.Node("", None, "module", "Net", "Net", attributes=attributes),), ())

    assert codec.encode_graph(graph({"a": "1", "b": "2"})) == codec.encode_graph(graph({"b": "2", "a": "1"}))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(blob: bytes) -> None:
    for decode in (codec.decode_graph, codec.decode_snapshot):
        try:
            decode(blob)
        except UnreadableError as error:
            assert str(error)


def _node(key: str, parent: str | None) -> schema.Node:
    return schema.Node(key, parent, "module", key, "M")


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ((_node("", None), _node("a", "b"), _node("b", "a")), "lies within itself"),
        ((_node("a", "a"),), "lies within itself"),
        ((_node("a", "gone"),), "'gone', which is not there"),
        ((_node("a", None), _node("a", None)), "two nodes with the key 'a'"),
    ],
)
def test_a_graph_that_is_no_tree_is_refused(nodes: tuple[schema.Node, ...], message: str) -> None:
    with pytest.raises(UnreadableError, match=message):
        codec.decode_graph(codec.encode_graph(schema.Graph("torch", "Net", nodes, ())))


def test_a_deep_graph_is_read_without_recursion() -> None:
    nodes = [_node("", None)] + [_node(str(i), str(i - 1) if i else "") for i in range(20_000)]
    assert len(codec.decode_graph(codec.encode_graph(schema.Graph("torch", "N", tuple(nodes), ()))).nodes) == 20_001


def test_an_edge_to_nowhere_is_refused() -> None:
    graph = dataclasses.replace(small_graph(), edges=(schema.Edge("/input", "nowhere", schema.Shape(())),))
    with pytest.raises(UnreadableError, match="'nowhere'"):
        codec.decode_graph(codec.encode_graph(graph))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dtype": "float32", "shape": [2, 3], "inline": b"short"}, "5 bytes; 24 were expected"),
        ({"dtype": "object", "shape": [2], "inline": b""}, "type 'object'; allowed are float16"),
        ({"dtype": "float32", "shape": [-1], "inline": b""}, r"impossible shape \(-1,\)"),
        ({"dtype": "float32", "shape": [2**40, 2**40], "files": ["instances-a.parquet"]}, "impossible shape"),
        ({"dtype": "int32", "shape": [2], "files": ["../secret.safetensors"]}, "'../secret.safetensors'"),
        ({"dtype": "int32", "shape": [2], "files": ["/etc/passwd"]}, "'/etc/passwd'"),
        ({"dtype": "int32", "shape": [2], "files": ["step-0000000001-s.safetensors\0"]}, "not a name that we write"),
        ({"dtype": "int32", "shape": [3], "files": ["step-0000000001-s.safetensors"]}, "2 instances were kept"),
        ({"dtype": "int32", "shape": [2], "files": ["step-0000000001-s.safetensors"] * 2}, "names a file twice"),
        ({"dtype": "int32", "shape": [2, 0, 2**40, 2**40]}, "impossible shape"),
    ],
)
def test_an_array_that_lies_is_refused(change: dict, message: str) -> None:
    snapshot = pb.Snapshot(seen=2, sample_size=2, columns=[pb.Column(name="score", values=pb.Array(**change))])
    with pytest.raises(UnreadableError, match=message):
        codec.decode_snapshot(snapshot.SerializeToString())


def test_more_kept_than_seen_is_refused() -> None:
    with pytest.raises(UnreadableError, match="3 of 2 instances"):
        codec.decode_snapshot(pb.Snapshot(seen=2, sample_size=3).SerializeToString())


def test_branches_are_kept():
    graph = small_graph()
    node = dataclasses.replace(graph.nodes[2], branch=True)
    edge = dataclasses.replace(graph.edges[1], branch=True)
    marked = dataclasses.replace(
        graph, nodes=(*graph.nodes[:2], node, *graph.nodes[3:]), edges=(graph.edges[0], edge, *graph.edges[2:])
    )
    assert codec.decode_graph(codec.encode_graph(marked)) == marked
    assert codec.decode_graph(codec.encode_graph(graph)) != marked


REFERENCES = pb.Array(files=["x"] * 60_001)
EMPTY = pb.Array(dtype="float32", shape=[1, 0])
HOLLOW = pb.Layer(
    activations=pb.Array(dtype="float16", shape=[0, 0]),
    summary=pb.Summary(count=pb.Array(dtype="int64", shape=[1, 0]), mean=EMPTY, std=EMPTY, min=EMPTY, max=EMPTY),
)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (pb.Graph(nodes=[pb.Node()] * 100_001), "100,001 nodes; at most 100,000 are read"),
        (pb.Graph(edges=[pb.Edge()] * 400_001), "400,001 edges"),
        (pb.Graph(nodes=[pb.Node(outputs=[pb.Shape()] * 400_001)]), "400,001 outputs"),
        (pb.Graph(model="x" * (13 << 20)), r"13,\d+,\d+ bytes; at most 12,582,912 are read"),
        (pb.Snapshot(seen=2**40, sample_size=2**40), "1,099,511,627,776 instances; at most 50,000,000 are read"),
        (pb.Snapshot(seen=1, sample_size=1, pinned=2**40), "1,099,511,627,777 instances"),
        (pb.Graph(nodes=[pb.Node(attributes=[pb.Attribute()] * 400_001)]), "400,001 attributes"),
        (pb.Graph(nodes=[pb.Node(outputs=[pb.Shape(sizes=[1] * 65)])]), "65 axes; at most 64"),
        (pb.Snapshot(layers=[HOLLOW] * 5_001, subsets=[pb.Subset()]), "5,001 layers"),
        (pb.Snapshot(class_names=[""] * 1_000_001), "1,000,001 classes"),
        (pb.Snapshot(notes=[""] * 10_001), "10,001 notes"),
        (pb.Snapshot(metrics=[pb.Metric()] * 1_001), "1,001 metrics"),
        (pb.Snapshot(instances=["instances-a.parquet"] * 2), "table of instances names a file twice"),
        (pb.Snapshot(instances=[f"instances-{i}.parquet" for i in range(1_001)]), "1,001 files"),
        (
            pb.Snapshot(layers=[pb.Layer(activations=REFERENCES)], subsets=[pb.Subset()]),
            "60,001 references",
        ),
        *(
            (pb.Snapshot(layers=[pb.Layer(positions=positions)], subsets=[pb.Subset()]), "60,001 references")
            for positions in (
                pb.Positions(peaks=REFERENCES),
                pb.Positions(strongest=REFERENCES),
                pb.Positions(maps=REFERENCES),
                pb.Positions(map_range=REFERENCES),
                pb.Positions(starts=REFERENCES),
                pb.Positions(pinned_maps=REFERENCES),
                pb.Positions(pinned_range=REFERENCES),
            )
        ),
        (pb.Snapshot(layers=[pb.Layer(neurons=2**23)] * 3, subsets=[pb.Subset()]), "25,165,824 neurons"),
        (pb.Snapshot(subsets=[pb.Subset()] * 20_001), "20,001 subsets"),
        (pb.Snapshot(columns=[pb.Column()] * 4_001), "4,001 columns"),
        (pb.Snapshot(layers=[pb.Layer(neurons=2**40)], subsets=[pb.Subset()]), "1,099,511,627,776 neurons"),
        (pb.Snapshot(layers=[HOLLOW]), "layers but no subset"),
    ],
)
def test_giant_counts_are_refused_before_anything_is_made_of_them(message: pb.Graph | pb.Snapshot, text: str) -> None:
    decode = codec.decode_graph if isinstance(message, pb.Graph) else codec.decode_snapshot
    with pytest.raises(UnreadableError, match=text):
        decode(message.SerializeToString())


def test_what_could_not_be_read_back_is_not_written() -> None:
    graph = dataclasses.replace(small_graph(), model="x" * bounds.MAX_BLOB)
    with pytest.raises(ActiVisError, match="only 12,582,912 can be read back. A model with so many operators"):
        codec.encode_graph(graph)
    graph = dataclasses.replace(small_graph(), nodes=small_graph().nodes[:1] * 100_001, edges=())
    with pytest.raises(ActiVisError, match="100,001 nodes; at most 100,000 are read. A model with so many operators"):
        codec.encode_graph(graph)


@pytest.mark.parametrize(
    ("name", "dtype", "shape", "message"),
    [
        ("top", "int32", (2, 3, 4), r"top of prediction by depth is int32 \(2, 3, 4\); int32 \(2, 3, 5\)"),
        ("top", "int64", (2, 3, 5), "int64"),
        ("score", "float16", (1, 3, 5), "score of prediction by depth"),
        ("rank", "int32", (2, 4), "rank of prediction by depth"),
        ("label", "int32", (2, 1), "label of prediction by depth"),
        ("right", "float64", (3, 1), "right of prediction by depth"),
        ("counted", "", (), "says that -1 instances were counted"),
    ],
)
def test_lies_about_prediction_by_depth_are_found(name: str, dtype: str, shape: tuple[int, ...], message: str) -> None:
    true = {
        "top": ("int32", (2, 3, 5)),
        "score": ("float16", (2, 3, 5)),
        "rank": ("int32", (2, 3)),
        "label": ("int32", (2,)),
        "right": ("float64", (3,)),
    }

    def array(kind: str, sizes: tuple[int, ...]) -> pb.Array:
        return pb.Array(dtype=kind, shape=sizes, inline=bytes(int(np.prod(sizes)) * np.dtype(kind).itemsize))

    depth = pb.Depth(layers=["a", "b", "c"])
    for field, form in true.items():
        getattr(depth, field).CopyFrom(array(*form))
    if name == "counted":
        depth.counted = -1
    else:
        getattr(depth, name).CopyFrom(array(dtype, shape))
    with pytest.raises(UnreadableError, match=message):
        codec.decode_snapshot(pb.Snapshot(seen=2, sample_size=2, depth=depth).SerializeToString())
