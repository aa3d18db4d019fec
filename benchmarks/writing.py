"""The cost of writing snapshots, beside numpy and TensorBoard. One thread.

A snapshot of 100,000 x 2,048 float16 through our writer against `numpy.save` of the same bytes, both until they are on the disk;
an event of 4 MB through our writer against TensorBoard's `EventFileWriter`, whose checksum is pure Python.

Usage: python benchmarks/writing.py [REPEATS] [INSTANCES]
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.summary.writer.event_file_writer import EventFileWriter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks._pairs import in_turns, line
from tensorboard_activis import metadata
from tensorboard_activis.write.arrays import ArrayWriter
from tensorboard_activis.write.clock import Clock
from tensorboard_activis.write.events import EventWriter

NEURONS = 2_048
EVENT = 4_000_000


def arrays(directory: Path, instances: int, repeats: int) -> None:
    """The table of large arrays."""
    values = np.random.default_rng(0).standard_normal((1_000, NEURONS), dtype=np.float32).astype(np.float16)
    values = np.tile(values, (instances // 1_000, 1))
    steps = iter(range(10**9))

    def ours() -> None:
        writer = ArrayWriter(directory, next(steps), "bench")
        writer.add("activations", values)
        writer.close()
        for path in directory.glob("*.safetensors"):
            path.unlink()

    def numpy() -> None:
        path = directory / "peer.npy"
        with path.open("wb") as file:
            np.save(file, values)
            file.flush()
            os.fsync(file.fileno())
        path.unlink()

    taken = in_turns({"numpy": numpy, "ours": ours}, repeats)
    print(f"{values.shape[0]:,} x {NEURONS:,} float16: {values.nbytes / 1e6:,.0f} MB, until on the disk")
    print(line("  numpy.save", taken["numpy"], taken["numpy"]))
    print(line("  ActiVis, as rate beside numpy.save", taken["ours"], taken["numpy"], -0.5))


def events(directory: Path, repeats: int) -> None:
    """The table of events."""
    blob = np.random.default_rng(0).bytes(EVENT)
    writer = EventWriter(directory, "bench", Clock(directory))
    steps = iter(range(10**9))

    def ours() -> None:
        writer.write_blob(metadata.SNAPSHOT_TAG, next(steps), blob, time.time())

    peer_writer = EventFileWriter(str(directory / "peer"))

    def peer() -> None:
        tensor = tensor_pb2.TensorProto(
            dtype=types_pb2.DT_STRING,
            tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)]),
            string_val=[blob],
        )
        value = summary_pb2.Summary.Value(tag="peer", tensor=tensor)
        peer_writer.add_event(event_pb2.Event(step=next(steps), summary=summary_pb2.Summary(value=[value])))
        peer_writer.flush()

    taken = in_turns({"peer": peer, "ours": ours}, repeats)
    peer_writer.close()
    writer.close()
    print(f"an event of {EVENT / 1e6:g} MB")
    print(line("  TensorBoard's EventFileWriter", taken["peer"], taken["peer"]))
    print(line("  ActiVis, times as fast", taken["ours"], taken["peer"], -50))


def main() -> None:
    """Prints two tables."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    instances = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    with tempfile.TemporaryDirectory() as directory:
        arrays(Path(directory), instances, repeats)
        events(Path(directory), repeats)


if __name__ == "__main__":
    main()
