"""A run of 300 steps over HTTP: 9 layers of 128 neurons, 1,000 instances of 10 classes; and one of 100 steps of 1,000 classes.

The records of both exceed what the server keeps of records. Classes come apart as training goes on, so that principal components
turn at first. Processor time of the server beside the seconds until the answer, since other work on the machine delays it. Then the
server's memory, mapped files aside, beside that of a TensorBoard without the plugin that has read the same run.

Usage: python benchmarks/long_runs.py [STEPS]
"""

import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._load_logs import get
from benchmarks.queries_server import anonymous_bytes
from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tests.board import started, tensorboard
from tests.faults.process import Usage, children

LAYERS = [f"block{index}" for index in range(9)]
NEURONS, INSTANCES = 128, 1_000
#: Seconds between two looks of the tab at a t-SNE (frontend/src/state/data.ts).
POLL_SECONDS = 0.5
#: Megabytes that the plugin may add to what TensorBoard takes.
MEGABYTES = 100
WITHOUT_THE_PLUGIN = """
import sys
from tensorboard import default, program
board = program.TensorBoard([plugin for plugin in default.get_plugins() if "activis" not in getattr(plugin, "__module__", "")])
board.configure(sys.argv)
sys.exit(board.main())
"""


def write_run(directory: Path, steps: int, classes: int, layers: list[str]) -> None:
    """Activations whose classes come apart over the steps."""
    random = np.random.default_rng(0)
    labels = np.arange(INSTANCES) % classes
    noise, centres = random.normal(size=(INSTANCES, NEURONS)), random.normal(size=(classes, NEURONS))
    beginning = random.normal(size=(INSTANCES, 4)) @ random.normal(size=(4, NEURONS)) * 2
    shape = schema.Shape((-1, NEURONS))
    nodes = [
        schema.Node("", None, "module", "Net", "Net"),
        *(schema.Node(name, "", "module", name, "Linear") for name in layers),
    ]
    infos = [schema.LayerInfo(name, NEURONS, "none", 0, shape) for name in layers]
    names = [f"class {index}" for index in range(classes)]
    log = Recorder(directory, schema.Graph("torch", "Net", tuple(nodes), ()), infos, class_names=names, strict=True)
    for step in range(steps):
        learnt = 1 - np.exp(-step / (0.1 * steps))
        values = (noise + learnt * 2 * centres[labels] + (1 - learnt) * beginning).astype(np.float32)
        with log.snapshot(step) as evaluation:
            outputs = np.eye(classes, dtype=np.float32)[labels] * np.float32(learnt)
            outputs += random.normal(size=outputs.shape).astype(np.float32) * np.float32(0.3)
            evaluation.add(BatchRecord(dict.fromkeys(layers, values), labels=labels, outputs=outputs))
    log.close()


class Server:
    """A TensorBoard that was just started on one run."""

    def __init__(self, board: str, run: str) -> None:
        self._board, self._run = board, run
        self._process = children()[-1]

    def ask(self, route: str, **parameters: object) -> bytes:
        """The body of an answer. Raises RuntimeError for any status but 200."""
        query = urlencode({"run": self._run, **parameters})
        status, body, _, _ = get(f"{self._board}/data/plugin/activis/{route}?{query}")
        if status != 200:
            raise RuntimeError(f"{route}: {status} {body[:200]!r}")
        return body

    def act(self, action: str, step: int) -> None:
        """Starts or cancels the t-SNE of the first layer."""
        body = {"run": self._run, "step": step, "layer": LAYERS[0], "method": "tsne", "action": action}
        get(f"{self._board}/data/plugin/activis/projection", body=body)

    def cost(self, work: Callable[[], object]) -> tuple[float, float]:
        """Seconds until it is done, and processor seconds of the server."""
        before, begun = Usage.of(self._process).seconds, time.perf_counter()
        work()
        return time.perf_counter() - begun, Usage.of(self._process).seconds - before


def shown(name: str, cost: tuple[float, float], limit: float) -> None:
    """Prints one figure, in milliseconds, with its limit; the processor's time decides where the machine is busy."""
    verdict = "ok" if min(cost) <= limit else "MISSED"
    print(
        f"{name:<58}{cost[0] * 1e3:>9.1f} ms{cost[1] * 1e3:>9.1f} ms of cpu   limit {limit * 1e3:>6g} {verdict}",
        flush=True,
    )


def wait_for(server: Server, step: int) -> None:
    """Until TensorBoard has read the run, without a question about the run."""
    while f'"step":{step},'.encode() not in server.ask("runs").replace(b" ", b""):
        time.sleep(0.5)


def questions(server: Server, last: int, layers: list[str], rows: str) -> None:
    """What is asked of a run of many steps."""
    at = {"step": last}

    def picture() -> None:
        for route in ("runs", "snapshot", "strips", "columns"):
            server.ask(route, **at)
        server.ask("matrix", layer=layers[0], rows=rows, **at)
        server.ask("projection", layer=layers[0], **at)
        server.ask("history", layer=layers[0], rows=rows, neuron=0, **at)

    shown("first picture", server.cost(picture), 1.0)
    for layer in layers[1:4]:
        cost = server.cost(partial(server.ask, "projection", layer=layer, **at))
        shown(f"  first projection of {layer}", cost, 0.050)
    shown(
        "  projection of a step before",
        server.cost(lambda: server.ask("projection", layer=layers[0], step=last // 2)),
        0.050,
    )

    def history(neurons: range) -> None:
        for neuron in neurons:
            server.ask("history", layer=layers[1], rows=rows, neuron=neuron, **at)

    shown("  first history of another layer", server.cost(lambda: history(range(1))), 0.5)
    wall, processor = server.cost(lambda: history(range(1, 11)))
    shown("  then of another neuron (mean of ten)", (wall / 10, processor / 10), 0.010)
    wall, processor = server.cost(lambda: [server.ask("snapshot", step=last // 3 + more) for more in range(10)])
    shown("  the snapshot of another step (mean of ten)", (wall / 10, processor / 10), 0.010)


def tsne(server: Server, last: int) -> None:
    """The t-SNE of two steps, so that neither begins where the other ended: one left alone, one with the tab polling."""

    def lay_out(step: int, seconds: float) -> None:
        server.act("start", step)
        while not re.search(rb"state\W+done", server.ask("projection", layer=LAYERS[0], method="tsne", step=step)):
            time.sleep(seconds)

    server.cost(lambda: lay_out(0, 1.0))  # compiles and imports
    alone = server.cost(lambda: lay_out(last // 3, 3.0))
    polled = server.cost(lambda: lay_out(last, POLL_SECONDS))
    ratio = polled[1] / alone[1]
    print(
        f"t-SNE of {INSTANCES:,}: {alone[1]:.1f} s of cpu looked at every 3 s, {polled[1]:.1f} s every {POLL_SECONDS} s: "
        f"{ratio:.2f} times   limit 1.2 {'ok' if ratio <= 1.2 else 'MISSED'}"
    )


def memory(directory: Path, with_plugin: float) -> None:
    """Prints what the plugin adds, in megabytes, to a TensorBoard that has read the same events."""
    command = [sys.executable, "-c", WITHOUT_THE_PLUGIN, f"--logdir={directory}", "--load_fast=false", "--port=0"]
    with started(command) as address:
        plugins = get(f"{address}/data/plugins_listing")[1]
        if b"activis" in plugins:
            raise RuntimeError("this TensorBoard has the plugin")
        before = -1.0
        while (alone := anonymous_bytes() / 1e6) > before + 1:  # until it has read the run
            before = alone
            time.sleep(20)
    more = with_plugin - alone
    verdict = "ok" if more <= MEGABYTES else "MISSED"
    print(f"memory: {with_plugin:,.0f} MB after all, {alone:,.0f} MB without the plugin   limit +{MEGABYTES} {verdict}")


def main(steps: int = 300) -> None:
    """Both runs, each with a server of its own."""
    directory = Path(tempfile.mkdtemp(prefix="activis-benchmark-"))
    try:
        for name, length, classes, layers in (("ten", steps, 10, LAYERS), ("thousand", steps // 3, 1_000, LAYERS[:5])):
            write_run(directory / name / "run", length, classes, layers)
            print(f"{length} steps, {len(layers)} layers, {classes:,} classes")
            with tensorboard(f"--logdir={directory / name}", "--load_fast=false", tensorflow=True) as board:
                server = Server(board, "run")
                wait_for(server, length - 1)
                rows = '[{"subset": "all"}, {"subset": "class 1"}, {"subset": "class 2"}]'
                questions(server, length - 1, layers, rows)
                after = anonymous_bytes() / 1e6
                if classes == 10:
                    tsne(server, length - 1)
            memory(directory / name, after)
            shutil.rmtree(directory / name)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
