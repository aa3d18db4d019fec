"""The memory of logging, beside what cannot be avoided: a forward pass, and the bytes that are kept. One thread.

Each figure of memory is of a process of its own: its peak, or the growth from before the work to the peak in it (Linux). The
statistics of many classes on the disk are here too.

Usage: python benchmarks/memory.py [INSTANCES]
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks._networks import GPT
from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.torch import ActiVisLogger

#: Instances that the constructor traces, and their tokens.
TRACED, POSITIONS = 11, 256
#: The layers of the sample, and the size of a batch.
LAYERS, NEURONS, BATCH = 4, 2_048, 256


def growth(work: Callable[[], object]) -> tuple[float, float]:
    """Megabytes at the peak, and by how many the peak is above what the process has before the work."""
    Path("/proc/self/clear_refs").write_text("5")  # from here on the peak is counted anew
    before = _megabytes("VmRSS")
    work()
    return _megabytes("VmHWM"), _megabytes("VmHWM") - before


def _megabytes(field: str) -> float:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def _gpt() -> tuple[GPT, torch.Tensor]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = GPT(width=512, positions=POSITIONS).eval()
    with torch.no_grad():
        model(torch.zeros(1, 4, dtype=torch.int64))
    return model, torch.randint(0, 1_000, (TRACED, POSITIONS))


def forward() -> tuple[float, float]:
    """A plain pass over the instances that are traced."""
    model, tokens = _gpt()
    with torch.no_grad():
        return growth(lambda: model(tokens))


def constructor() -> tuple[float, float]:
    """`ActiVisLogger`, which records graph and axes in two passes."""
    model, tokens = _gpt()
    with tempfile.TemporaryDirectory() as directory:
        return growth(lambda: ActiVisLogger(directory, model, [tokens]).close())


def sample(instances: int, known: int) -> tuple[float, float]:
    """Collects and writes a snapshot whose sample is all instances, or, if this is known before, half of them."""
    shape = schema.Shape((-1, NEURONS))
    layers = [schema.LayerInfo(str(index), NEURONS, "none", 0, shape) for index in range(LAYERS)]
    random = np.random.default_rng(0)
    batch = {info.name: random.normal(size=(BATCH, NEURONS)).astype(np.float32) for info in layers}

    def logged(directory: str, count: int, sample: int | None) -> None:
        nodes = (schema.Node("", None, "module", "Net", "Net", (shape,)),)
        recorder = Recorder(directory, schema.Graph("torch", "Net", nodes, ()), layers, sample=sample, strict=True)
        with recorder.snapshot(0) as snapshot:
            for start in range(0, count, BATCH):
                ids = list(range(start, start + BATCH))
                labels = np.arange(BATCH) % 10
                snapshot.add(BatchRecord(batch, outputs=np.eye(10, dtype=np.float32)[labels], labels=labels, ids=ids))
        recorder.close()

    with tempfile.TemporaryDirectory() as directory:
        logged(f"{directory}/first", BATCH, None)  # what the first snapshot of a process takes for itself
        return growth(lambda: logged(f"{directory}/run", instances * (2 if known else 1), instances if known else None))


def on_disk(classes: int) -> tuple[float, float]:
    """Megabytes of statistics of a snapshot on disk, with so many classes, and what they would be as four float32 arrays."""
    shape = schema.Shape((-1, NEURONS))
    layer = schema.LayerInfo("0", NEURONS, "none", 0, shape)
    nodes = (schema.Node("", None, "module", "Net", "Net", (shape,)),)
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as directory:
        recorder = Recorder(directory, schema.Graph("torch", "Net", nodes, ()), [layer], sample=1, strict=True)
        with recorder.snapshot(0) as snapshot:
            for start in range(0, 2 * classes, classes):
                values = random.normal(size=(classes, NEURONS)).astype(np.float32)
                ids = list(range(start, start + classes))
                outputs = np.eye(classes, dtype=np.float32)
                snapshot.add(BatchRecord({"0": values}, outputs=outputs, labels=np.arange(classes), ids=ids))
        recorder.close()
        size = sum(path.stat().st_size for path in Path(directory).rglob("*.safetensors"))
        return size / 2**20, (classes + 3) * NEURONS * 16 / 2**20


def measured(name: str, *arguments: object) -> tuple[float, float]:
    """What the function of this name gives in a process of its own."""
    command = [sys.executable, __file__, name, *map(str, arguments)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(lines[-2]), float(lines[-1])


def line(name: str, megabytes: float, reference: float, limit: float | None = None) -> None:
    """Prints megabytes, their ratio to the reference, and whether that is within the limit."""
    value = megabytes / reference
    verdict = "" if limit is None else f"   at most {limit:g}: {'held' if value <= limit else 'MISSED'}"
    print(f"{name:<56}{megabytes:>10,.1f} MB {value:>8.2f}{verdict}", flush=True)


def main() -> None:
    """Prints the tables."""
    plain, ours = measured("forward"), measured("constructor")
    print(f"24-layer GPT of width 512, {TRACED} x {POSITIONS} tokens")
    line("  forward pass: peak of the process", plain[0], plain[0])
    line("  constructor: peak of the process", ours[0], plain[0], 1.2)
    line("  – above the model, forward pass", plain[1], plain[1])
    line("  – above the model, constructor", ours[1], plain[1])
    packed, plain_size = measured("on_disk", 1_000)
    print(
        f"Statistics of 1,000 classes on disk, {NEURONS:,} neurons: a quarter, all instances, correct and wrong, which are exact"
    )
    line("  in float32", plain_size, plain_size)
    line("  as they are written", packed, plain_size, 0.26)
    instances = (int(sys.argv[1]) if len(sys.argv) > 1 else 40_960) // BATCH * BATCH
    kept = instances * LAYERS * NEURONS * 2 / 2**20
    print(f"A sample of {instances:,} instances, {LAYERS} x {NEURONS:,} float16")
    line("  its bytes", kept, kept)
    line("  collected and written, of twice as many instances", measured("sample", instances, 1)[1], kept, 1.3)
    line("  collected and written, all instances", measured("sample", instances, 0)[1], kept, 1.3)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].isdigit():
        print(*globals()[sys.argv[1]](*map(int, sys.argv[2:])))
    else:
        main()
