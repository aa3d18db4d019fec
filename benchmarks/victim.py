"""TensorBoard's own pages while a few clients send the most expensive requests that are allowed. Peer: the pages alone, before.

Usage: python benchmarks/victim.py [SECONDS] [CLIENTS]   # 30 seconds and 4 clients without them

The pages must answer within 0.3 s, 99 of 100 times. On a machine that does other work too, compare with the pages alone.
"""

import itertools
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._load_logs import get
from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tests.board import tensorboard

PAGES = ("data/environment", "data/runs", "data/plugins_listing")
#: Seconds within which 99 of 100 pages must answer.
LIMIT = 0.3
INSTANCES, NEURONS, LETTERS = 40_000, 1_024, 1_000
LAYER = "layer"
RUN, STEP = "run", 1


def write_run(log_dir: Path, instances: int = INSTANCES, neurons: int = NEURONS) -> None:
    """One snapshot of one layer, with a text of LETTERS letters for each instance."""
    shape = schema.Shape((-1, neurons))
    nodes = (schema.Node("", None, "module", "Net", "Net"), schema.Node(LAYER, "", "module", LAYER, "Linear"))
    layers = [schema.LayerInfo(LAYER, neurons, "none", 0, shape)]
    random = np.random.default_rng(0)
    letters = random.choice(list("abcdefgh "), (64, LETTERS))
    texts = ["".join(line) for line in letters]
    log = Recorder(log_dir / RUN, schema.Graph("torch", "Net", nodes, ()), layers, strict=True, sample=None)
    with log.snapshot(STEP) as evaluation:
        for start in range(0, instances, 2_000):
            count = min(2_000, instances - start)
            evaluation.add(
                BatchRecord(
                    {LAYER: random.normal(size=(count, neurons)).astype(np.float32)},
                    labels=random.integers(0, 10, count),
                    outputs=random.normal(size=(count, 10)).astype(np.float32),
                    texts=[texts[index % 64] for index in range(start, start + count)],
                )
            )
    log.close()


def attacks() -> list[tuple[str, dict[str, Any]]]:
    """The most expensive questions; a number that is put into each makes every one a new question."""
    patterns = " or ".join(f'matches(text, "[ab]+.{{1,20}}c.{{{index}}}#")' for index in range(60))
    words = "|".join(f"{index:03d}" for index in range(600))
    ids = ", ".join(str(10**9 + index) for index in range(9_000))
    sets = [{"expression": f"score > {index / 1000}"} for index in range(300)]
    about = {"run": RUN, "step": STEP}
    return [
        ("where", about | {"expression": f"{patterns} or score > 0.%d"}),
        ("where", about | {"expression": f'matches(text, "{words}") or score > 0.%d'}),
        ("where", about | {"expression": 'matches(text, "x.{1,900}y") or score > 0.%d'}),
        ("table", about | {"expression": f"id in [{ids}] or score > 0.%d", "order": "text"}),
        ("where", about | {"expression": "'" + "\\'" * 100_000 + "%d"}),
        ("where", about | {"expression": "x in [" + "1," * 140_000 + "%d]"}),
        (
            "matrix",
            about | {"layer": LAYER, "rows": [*sets, {"expression": "score > 0.%d"}], "sort": {"by": "clustered"}},
        ),
        ("subset", about | {"layer": LAYER, "row": {"expression": 'contains(lower(text), "abc") and score > 0.%d'}}),
        ("neuron", about | {"layer": LAYER, "neuron": 1, "rows": [*sets[:100], {"expression": "score > 0.%d"}]}),
        ("projection", about | {"layer": LAYER, "nothing": "%d"}),
        ("export", about | {"expression": "score > 0.%d", "order": "text"}),
        ("column_statistics", about | {"prefix": "%d", "limit": 1_000}),
        ("groups", about | {"by": "text", "expression": "score > 0.%d"}),
        ("runs", {"nested": json.loads("[" * 19 + "]" * 19), "many": [[]] * 40_000, "%d": 1}),
        ("runs", {"numbers": [5e-324] * 120_000, "%d": 1}),
    ]


class Victim:
    """Asks for TensorBoard's pages again and again."""

    def __init__(self, board: str) -> None:
        self._board = board

    def seconds(self, duration: float) -> list[float]:
        """How long each page took."""
        taken, end = [], time.monotonic() + duration
        for page in itertools.cycle(PAGES):
            status, body, seconds, _ = get(f"{self._board}/{page}")
            if status != 200:
                raise RuntimeError(f"{page}: {status} {body[:200]!r}")
            taken.append(seconds)
            if time.monotonic() > end:
                return taken
            time.sleep(0.02)
        raise AssertionError


def attack(board: str, over: threading.Event, answers: Counter[str], first: int) -> None:
    """One client: one question after the other, each a new one."""
    questions = attacks()
    for number in itertools.count(first):
        if over.is_set():
            return
        route, parameters = questions[number % len(questions)]
        body = json.loads(json.dumps(parameters).replace("%d", str(number)))
        status, _, _, _ = get(f"{board}/data/plugin/activis/{route}", body=body)
        answers[f"{status}"] += 1


def measure(board: str, seconds: float, clients: int) -> tuple[list[float], list[float], Counter[str]]:
    """Seconds of the pages alone, the same under attack, and the statuses of what the attackers were answered."""
    victim, over = Victim(board), threading.Event()
    answers: Counter[str] = Counter()
    alone = victim.seconds(seconds / 3)
    threads = [
        threading.Thread(target=attack, args=(board, over, answers, 3 * index), daemon=True) for index in range(clients)
    ]
    for thread in threads:
        thread.start()
    time.sleep(1)
    meanwhile = victim.seconds(seconds)
    over.set()
    for thread in threads:
        thread.join()
    return alone, meanwhile, answers


def described(seconds: list[float]) -> str:
    """The figures in words."""
    ordered = sorted(seconds)
    median, late = ordered[len(ordered) // 2], ordered[int(0.99 * len(ordered))]
    return f"median {median:.3f} s, 99 % below {late:.3f} s, slowest {ordered[-1]:.3f} s"


def main() -> int:
    """The command line."""
    seconds, clients = (float(argument) for argument in [*sys.argv[1:], *("30", "4")[len(sys.argv) - 1 :]])
    with tempfile.TemporaryDirectory() as directory:
        os.environ["TENSORBOARD_ACTIVIS_CACHE"] = f"{directory}/cache"
        write_run(Path(directory) / "logs")
        with tensorboard("--logdir", f"{directory}/logs", "--reload_interval=5", tensorflow=True) as board:
            end = time.monotonic() + 120
            while (
                get(f"{board}/data/plugin/activis/snapshot?run={RUN}&step={STEP}")[0] != 200 and time.monotonic() < end
            ):
                time.sleep(0.5)
            alone, meanwhile, answers = measure(board, seconds, int(clients))
    print(f"{clients:g} clients, load of the machine {os.getloadavg()[0]:.1f}; answers by status: {dict(answers)}")
    print(f"  TensorBoard's pages alone: {described(alone)}")
    print(f"  under attack: {described(meanwhile)} (limit {LIMIT} s)")
    late = sorted(meanwhile)[int(0.99 * len(meanwhile))] > LIMIT
    return 1 if late or "500" in answers or "0" in answers else 0


if __name__ == "__main__":
    sys.exit(main())
