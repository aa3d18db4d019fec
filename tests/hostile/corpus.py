"""Malformed runs, each with the one thing wrong that its name says, beside what must be said about it.

python -m tests.hostile.corpus DIRECTORY      # writes them all, to be looked at in TensorBoard
"""

import json
import os
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tensorboard_activis import activis_pb2 as pb
from tensorboard_activis import codec, metadata, schema
from tensorboard_activis.read.run import open_run
from tensorboard_activis.write.events import EventWriter
from tests.records import small_data, small_graph, write_run

#: The session of what is forged: newer than any.
SESSION = "ffffffffffff-00"


@dataclass(frozen=True)
class Case:
    """Makes a good run (steps 1 and 2, arrays in files) bad.

    Attributes:
        said: a pattern of what the routes `runs`, `graph` or `snapshot` (of `step`) must say.
        whole: steps that must still be answered in full.
    """

    spoil: Callable[[Path], None]
    said: str
    step: int = 2
    whole: tuple[int, ...] = (1,)


CASES: dict[str, Case] = {}


def case(
    said: str, *, step: int = 2, whole: tuple[int, ...] = (1,)
) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    """Adds a case under the function's name."""

    def add(spoil: Callable[[Path], None]) -> Callable[[Path], None]:
        CASES[spoil.__name__.replace("_", "-")] = Case(spoil, said, step, whole)
        return spoil

    return add


def write_case(one: Case, log_dir: Path) -> None:
    """Writes one of them."""
    with mock.patch("tensorboard_activis.write.arrays.INLINE_BYTES", 0):
        write_run(log_dir, small_data(), (1, 2))
    one.spoil(log_dir / metadata.RUN_DIRECTORY)


def _one(directory: Path, pattern: str) -> Path:
    (found,) = directory.glob(pattern)
    return found


def forge(directory: Path, tag: str, blob: bytes, step: int = 3) -> None:
    """Adds an event of the newest session."""
    writer = EventWriter(directory, SESSION)
    writer.write_blob(tag, step, blob, 4e9)
    writer.close()


def _snapshot(directory: Path, change: Callable[[pb.Snapshot], None], step: int = 3) -> None:
    """Adds a snapshot that is that of step 2 with a change."""
    message = pb.Snapshot()
    message.ParseFromString(codec.encode_snapshot(open_run(directory).snapshot(2).record))
    message.step, message.session = step, SESSION
    change(message)
    forge(directory, metadata.SNAPSHOT_TAG, message.SerializeToString(), step)


def _graph(directory: Path, nodes: list[schema.Node] | pb.Graph) -> None:
    if isinstance(nodes, pb.Graph):
        forge(directory, metadata.GRAPH_TAG, nodes.SerializeToString())
    else:
        forge(directory, metadata.GRAPH_TAG, codec.encode_graph(schema.Graph("torch", "Net", tuple(nodes), ())))


def _node(key: str, parent: str | None) -> schema.Node:
    return schema.Node(key, parent, "module", key, "Module")


# Event files


@case("cut off in the middle of a record")
def truncated_events(directory: Path) -> None:
    path = _one(directory, "*tfevents*")
    path.write_bytes(path.read_bytes()[:-9])
    os.utime(path, (1e9, 1e9))


@case(r"is damaged at byte [\d,]+: TensorBoard cannot read what follows")
def flipped_bit_in_events(directory: Path) -> None:
    path = _one(directory, "*tfevents*")
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)


@case("written in format version 7; this installation reads version 1", step=3, whole=())
def newer_version(directory: Path) -> None:
    for path in directory.iterdir():
        path.unlink()
    with mock.patch("tensorboard_activis.metadata.FORMAT_VERSION", 7):
        write_run(directory.parent, small_data(), (3,))


# Snapshots


@case("A snapshot event of 3 bytes cannot be decoded", step=3, whole=(1, 2))
def bytes_that_are_no_snapshot(directory: Path) -> None:
    forge(directory, metadata.SNAPSHOT_TAG, b"\xff\xff\xff")


@case("that it has 1,099,511,627,776 instances; at most", step=3, whole=(1, 2))
def giant_counts(directory: Path) -> None:
    def change(message: pb.Snapshot) -> None:
        message.sample_size = message.seen = 2**40
        del message.columns[:]
        for layer in message.layers:
            layer.activations.shape[0] = 2**40

    _snapshot(directory, change)


@case(r"A snapshot event has 12,\d\d\d,\d\d\d bytes; at most", step=3, whole=(1, 2))
def inline_array_like_a_bomb(directory: Path) -> None:
    def change(message: pb.Snapshot) -> None:
        message.columns.add(name="score").values.CopyFrom(
            pb.Array(dtype="uint8", shape=[message.sample_size, 745_000], inline=bytes(message.sample_size * 745_000))
        )

    _snapshot(directory, change)


@case("float16 .* was expected", step=3, whole=(1, 2))
def lying_shape(directory: Path) -> None:
    _snapshot(directory, lambda message: message.layers[1].activations.shape.__setitem__(0, 3))


@case("has type 'object'; allowed are", step=3, whole=(1, 2))
def wrong_dtype(directory: Path) -> None:
    _snapshot(directory, lambda message: setattr(message.columns[0].values, "dtype", "object"))


@case("names a file twice", step=3, whole=(1, 2))
def shards_that_repeat(directory: Path) -> None:
    def change(message: pb.Snapshot) -> None:
        files = message.layers[0].activations.files
        files.extend([files[0]] * 5_000)

    _snapshot(directory, change)


def _name(name: str) -> Callable[[Path], None]:
    def spoil(directory: Path) -> None:
        (directory.parent / "outside.safetensors").write_bytes(_one(directory, "step-0000000002-*").read_bytes())
        _snapshot(directory, lambda message: message.layers[0].activations.files.__setitem__(0, name))

    return spoil


for title, name in {
    "name-that-leads-up": "../outside.safetensors",
    "name-that-leads-up-later": "step-0000000002-x/../../outside.safetensors",
    "name-that-is-absolute": "/etc/passwd",
    "name-with-nul": "step-0000000002-x.safetensors\0",
    "name-with-backslashes": "..\\outside.safetensors",
    "name-with-other-digits": "step-٠٠٠٠٠٠٠٠٠٢-x.safetensors",
    "name-with-a-line-break": "step-0000000002-x.safetensors\n",
}.items():
    CASES[title] = Case(_name(name), "which is not a name that we write", 3, (1, 2))


# Files


@case("step-0000000002-.* is missing")
def missing_arrays(directory: Path) -> None:
    _one(directory, "step-0000000002-*").unlink()


@case("is not a complete safetensors file")
def truncated_header(directory: Path) -> None:
    path = _one(directory, "step-0000000002-*")
    path.write_bytes(path.read_bytes()[:100])


@case("does not fit into its")
def truncated_arrays(directory: Path) -> None:
    path = _one(directory, "step-0000000002-*")
    path.write_bytes(path.read_bytes()[:-50])


@case("does not fit into its")
def lying_header(directory: Path) -> None:
    path = _one(directory, "step-0000000002-*")
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    for name in header:
        if name != "__metadata__":
            header[name]["shape"] = [2**31, 2**31]
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def _link(pattern: str, target: str) -> Callable[[Path], None]:
    def spoil(directory: Path) -> None:
        path = _one(directory, pattern)
        path.rename(directory.parent / "outside")
        path.symlink_to(target)

    return spoil


CASES["arrays-behind-a-link"] = Case(_link("step-0000000002-*", "../outside"), "it is a link", 2, (1,))
CASES["arrays-behind-a-link-to-a-secret"] = Case(_link("step-0000000002-*", "/etc/passwd"), "it is a link", 2, (1,))
CASES["table-behind-a-link"] = Case(_link("*.parquet", "../outside"), "it is a link", 2, ())


@case("it is no regular file")
def pipe_in_the_place_of_arrays(directory: Path) -> None:
    path = _one(directory, "step-0000000002-*")
    path.unlink()
    os.mkfifo(path)


@case("it is no regular file")
def directory_in_the_place_of_arrays(directory: Path) -> None:
    path = _one(directory, "step-0000000002-*")
    path.unlink()
    path.mkdir()


def _table(make: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    def spoil(directory: Path) -> None:
        path = _one(directory, "*.parquet")
        pq.write_table(make(pq.read_table(path)), path, compression="zstd")

    return spoil


def _tiled(table: pa.Table) -> pa.Table:
    return pa.table({"id": np.zeros(40_000_000, np.int8)})


TABLES: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
    "table-too-short": (lambda table: table.slice(1), "16 rows .* the snapshot needs 17 rows"),
    "table-without-ids": (lambda table: table.drop_columns("id"), "the snapshot needs 17 rows and a column 'id'"),
    "table-of-compressed-nothing": (
        lambda table: table.append_column("blank", pa.array([bytes(300 << 20)] + [b""] * 16)),
        "would take [0-9,]+ bytes of memory",
    ),
    "table-of-one-value": (_tiled, "would take [0-9,]+ bytes of memory"),
    "table-of-one-long-text": (
        lambda table: table.append_column("long", pa.array(["x" * (20 << 20)] * 17)),
        "would take [0-9,]+ bytes of memory",
    ),
}
for title, (make, said) in TABLES.items():
    CASES[title] = Case(_table(make), said, 2, ())


def table_that_is_none(directory: Path) -> None:
    _one(directory, "*.parquet").write_bytes(b"PAR1 no table PAR1")


CASES["table-that-is-none"] = Case(table_that_is_none, "cannot be read", 2, ())


# Graphs


@case("lies within itself", whole=(1, 2))
def cyclic_graph(directory: Path) -> None:
    _graph(directory, [_node("", None), _node("a", "b"), _node("b", "a")])


def deep_graph(depth: int) -> pb.Graph:
    """Every node in the one before."""
    nodes = [pb.Node(key=f"{index:x}", has_parent=index > 0, parent=f"{index - 1:x}") for index in range(depth)]
    return pb.Graph(nodes=nodes)


@case("says that it has 200,000 nodes; at most 100,000", whole=(1, 2))
def graph_too_deep(directory: Path) -> None:
    _graph(directory, deep_graph(200_000))


@case("'gone', which is not there", whole=(1, 2))
def graph_without_a_root(directory: Path) -> None:
    _graph(directory, [_node("a", "gone")])


# What is odd, and none the less right


TRICKS = (
    "\u202egnp.exe",
    "a\0b",
    "e" + "\u0301" * 60,
    "<img src=x onerror=hurt()>",
    "../../up",
    "\ufeff",
    "%00%2e",
)


@case(r'"name": ?"a\\u0000b"', step=3, whole=(1, 2, 3))
def names_with_tricks(directory: Path) -> None:
    def change(message: pb.Snapshot) -> None:
        for subset, name in zip(message.subsets, TRICKS, strict=False):
            subset.name = name
        for layer, name in zip(message.layers, TRICKS, strict=False):
            layer.name = name
        message.notes.extend(TRICKS)

    _snapshot(directory, change)


@case('"head"', step=3, whole=(1, 2, 3))
def names_that_are_the_same(directory: Path) -> None:
    def change(message: pb.Snapshot) -> None:
        for subset in message.subsets:
            subset.name = "all"
        for layer in message.layers:
            layer.name = "head"
        message.layers[0].CopyFrom(message.layers[1])

    _snapshot(directory, change)


@case("null", step=3, whole=(1, 2, 3))
def numbers_that_are_none(directory: Path) -> None:
    def change(message: pb.Snapshot) -> None:
        message.wall_time = float("nan")
        for name in ("accuracy", "loss"):
            message.metrics.add(name=name, value=float("inf"))

    _snapshot(directory, change)


def main() -> None:
    """Writes all of them."""
    from tests.hostile.health_cases import ALL

    logs = Path(sys.argv[1])
    for name, one in ALL.items():
        write_case(one, logs / name)
    write_run(logs / "good", small_data())
    print(f"{len(ALL)} malformed runs in {logs}; graph of the good one: {len(small_graph().nodes)} nodes")


if __name__ == "__main__":
    main()
