"""The most that is decoded, and the first that is not: a message stuffed with one thing, in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
MEGABYTES = 1024

#: As Python: a blob of as many bytes as are decoded, whose smallest parts become the most in memory.
STUFFED = {
    "nodes": "pb.Graph, b'\\x1a\\0' * HALF",
    "edges": "pb.Graph, b'\\x22\\0' * HALF",
    "attributes": "pb.Graph, stuffed(pb.Graph(nodes=[pb.Node(attributes=[pb.Attribute()] * HALF)]))",
    "outputs": "pb.Graph, stuffed(pb.Graph(nodes=[pb.Node(outputs=[pb.Shape()] * HALF)]))",
    "axes": "pb.Graph, stuffed(pb.Graph(nodes=[pb.Node(outputs=[pb.Shape(sizes=[1] * HALF)])]))",
    "classes": "pb.Snapshot, b'\\x2a\\0' * HALF",
    "files": "pb.Snapshot, b'\\x4a\\0' * HALF",
    "columns": "pb.Snapshot, b'\\x52\\0' * HALF",
    "subsets": "pb.Snapshot, b'\\x5a\\0' * HALF",
    "layers": "pb.Snapshot, b'\\x62\\0' * HALF",
    "blocks": "pb.Snapshot, stuffed(pb.Snapshot(depth=pb.Depth(layers=[''] * HALF)))",
    "effects": "pb.Snapshot, b'\\x8a\\x01' + length(2 * HALF) + b'\\x1a\\0' * HALF",
    "notes": "pb.Snapshot, b'\\x6a\\0' * HALF",
    "metrics": "pb.Snapshot, b'\\x42\\0' * HALF",
    "health steps": "pb.Health, stuffed(pb.Health(steps=[0] * HALF))",
    "health layers": "pb.Health, b'\\x2a\\0' * HALF",
    "health measures": "pb.Health, b'\\x22\\0' * HALF",
    "health notes": "pb.Health, b'\\x4a\\0' * HALF",
    "shapes": "pb.Snapshot, stuffed(pb.Snapshot(columns=[pb.Column(values=pb.Array(dtype='int32', shape=[1] * HALF))]))",
}
DECODE = """
from tensorboard_activis import activis_pb2 as pb, bounds, codec, health_codec
from google.protobuf.internal.encoder import _VarintBytes as length
from tests.hostile.peak import peak_megabytes
from tests.processor_time import at_most
from tensorboard_activis.errors import UnreadableError

HALF = (bounds.MAX_BLOB - 100) // 2 - 5

def stuffed(message):
    return message.SerializeToString()

kind, blob = {stuffed}
blob = bytes(blob)
assert 0.4 * bounds.MAX_BLOB < len(blob) <= bounds.MAX_BLOB, len(blob)
decoders = {{pb.Graph: codec.decode_graph, pb.Snapshot: codec.decode_snapshot, pb.Health: health_codec.decode_health}}
with at_most(3):
    try:
        decoders[kind](blob)
    except UnreadableError as error:
        print(peak_megabytes(), error)
"""


@pytest.mark.parametrize("what", STUFFED)
def test_a_message_of_nothing_but_one_thing_is_refused(what: str) -> None:
    program = DECODE.format(stuffed=STUFFED[what])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    megabytes, said = done.stdout.split(maxsplit=1)
    assert float(megabytes) < MEGABYTES
    assert "at most" in said or "impossible shape" in said


#: Each layer has statistics of every subset, and none of them a neuron; or a thousand, in a file that is not there.
CROWDED = """
import sys
from pathlib import Path
from tensorboard_activis import activis_pb2 as pb, metadata
from tensorboard_activis.blobs import Blob
from tests.hostile.peak import peak_megabytes
from tests.hostile.served import Served
from tests.processor_time import at_most

def layer(index, subsets, neurons):
    def array(dtype, rows):
        files = ["step-0000000001-a.safetensors"] if neurons else []
        return pb.Array(dtype=dtype, shape=[rows, neurons], tensor="x", files=files)
    rest = {{name: array("float32", subsets) for name in ("mean", "std", "min", "max")}}
    summary = pb.Summary(count=array("int64", subsets), **rest)
    return pb.Layer(name=str(index), neurons=neurons, activations=array("float16", 0), summary=summary)

subsets, neurons = {crowd}
record = pb.Snapshot(step=1, session="a", subsets=[pb.Subset(name=str(index)) for index in range(subsets)])
record.layers.extend(layer(index, subsets, neurons) for index in range(5_000))
logs = Path(sys.argv[1])
(logs / "bad" / "activis").mkdir(parents=True)
served = Served(logs, {{"bad/activis": [Blob(metadata.SNAPSHOT_TAG, 1, 1.0, record.SerializeToString())]}})
for route in ("runs", "snapshot", "strips"):
    with at_most(3):
        status, _ = served.ask(route, run="bad", step=1)
    print(route, status, peak_megabytes())
"""


@pytest.mark.parametrize("crowd", ["20_000, 0", pytest.param("1, 3_300", marks=pytest.mark.nightly)])
def test_as_many_layers_as_are_read_are_described(tmp_path: Path, crowd: str) -> None:
    program = CROWDED.format(crowd=crowd)
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    answers = [line.split() for line in done.stdout.splitlines()]
    assert [(route, status) for route, status, *_ in answers] == [
        ("runs", "200"),
        ("snapshot", "200"),
        ("strips", "200"),
    ]
    assert max(float(megabytes) for *_, megabytes in answers) < MEGABYTES
