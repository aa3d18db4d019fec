"""TensorBoard under load: many clients, a log directory that grows and shrinks, and the memory and time that this takes.

    python benchmarks/load.py                    # 16 clients for 10 minutes
    python benchmarks/load.py --minutes 1 --clients 8

Every tenth request is given up by its client. Prints answers, errors, how long TensorBoard's own pages take, and the server's
memory, threads and open files ten times on the way, the last time when nobody asks any more: these must not grow.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
import urllib.parse
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks._load_logs import Logs, get, hang_up  # noqa: E402
from tests.board import tensorboard  # noqa: E402
from tests.faults.process import Usage, children  # noqa: E402

#: Pages of TensorBoard itself: they must not wait for us.
PAGES = ("", "data/environment", "data/plugins_listing", "data/runs")
RELOAD_SECONDS = 5
#: TensorBoard's pages while nobody else asks, which are the peer.
ALONE_SECONDS = 20
#: What the server uses is looked at so many times.
PARTS = 10


def question(chance: random.Random, run: str, step: int) -> tuple[str, dict[str, Any] | None]:
    """One of the tab's questions: the address, and the JSON body where it is a POST."""
    layer = f"layer{chance.randrange(4)}"
    about: dict[str, Any] = {"run": run, "step": step}
    rows = json.dumps([{"subset": "all"}, {"expression": f"score > {chance.random():.2f}"}, {"instance": 3}])
    requests: list[tuple[str, dict[str, Any]]] = [
        ("runs", {}),
        ("graph", {}),
        ("snapshot", {}),
        ("strips", {}),
        ("matrix", {"layer": layer, "rows": rows}),
        ("matrix", {"layer": layer, "rows": rows, "sort": '{"by": "clustered"}'}),
        ("columns", {}),
        ("where", {"expression": f"label == {chance.randrange(10)} and not correct"}),
        ("table", {"order": "loss", "descending": "true"}),
        ("instance", {"layer": layer, "index": chance.randrange(400)}),
        ("neuron", {"layer": layer, "neuron": chance.randrange(64), "rows": rows}),
        ("projection", {"layer": layer}),
        ("projection", {"layer": layer, "method": "tsne"}),
        ("projection", {"layer": layer, "method": "tsne", "action": "start" if chance.random() < 0.7 else "cancel"}),
        ("export", {}),
    ]
    route, more = chance.choice(requests)
    if "action" in more:
        return f"data/plugin/activis/{route}", about | more
    return f"data/plugin/activis/{route}?{urllib.parse.urlencode(about | more)}", None


class Load:
    """Clients that ask until the time is over."""

    def __init__(self, board: str, logs: Logs, minutes: float) -> None:
        self._board, self._logs = board, logs
        self._end = time.monotonic() + 60 * minutes
        self._lock = threading.Lock()
        self.counted: Counter[str] = Counter()
        self.errors: list[str] = []
        self.pages: list[float] = []
        self.alone: list[float] = []
        self.answers: list[tuple[float, str]] = []

    def client(self, seed: int) -> None:
        """Asks about what `runs` lists, as a tab does."""
        chance = random.Random(seed)
        while time.monotonic() < self._end:
            status, body, _, _ = get(f"{self._board}/data/plugin/activis/runs")
            self._note("runs", status, body, ok={200})
            if status != 200:
                continue
            listed = [(run["name"], step["step"]) for run in json.loads(body)["runs"] for step in run["steps"]]
            for _ in range(10):
                if not listed or time.monotonic() > self._end:
                    break
                run, step = chance.choice(listed)
                path, action = question(chance, run, step)
                address = f"{self._board}/{path}"
                if action is None and chance.random() < 0.1:
                    hang_up(address, 0.2 * chance.random())
                    self._note("given up", 200, b"", ok={200})
                    continue
                status, body, seconds, _ = get(address, body=action)
                # A run that has gone meanwhile is not there; its files went before TensorBoard noticed.
                ok = {200} if run.startswith("stays") else {200, 404, 422}
                self._note("answers", status, body, ok | ({413} if action else set()))
                with self._lock:
                    self.answers.append((seconds, urllib.parse.urlsplit(address).path.rpartition("/")[2]))

    def watch_pages(self, end: float | None = None) -> None:
        """How long TensorBoard's own pages take meanwhile; until `end`, while nobody else asks."""
        taken = self.pages if end is None else self.alone
        while time.monotonic() < (end or self._end):
            for page in PAGES:
                status, body, seconds, _ = get(f"{self._board}/{page}")
                self._note("pages", status, body, ok={200})
                taken.append(seconds)
            time.sleep(0.5)

    def change_logs(self) -> None:
        """Runs come and go."""
        number = 0
        while time.monotonic() < self._end:
            self._logs.write(f"goes{number}", 3)
            self._logs.remove(f"goes{number - 5}")
            number += 1
            time.sleep(1)

    def _note(self, kind: str, status: int, body: bytes, ok: set[int]) -> None:
        with self._lock:
            self.counted[kind] += 1
            if status not in ok:
                self.errors.append(f"{kind}: {status} {body[:200]!r}")


def mixed_load(minutes: float, clients: int) -> int:
    """Prints the figures; 1 when there was an error."""
    with tempfile.TemporaryDirectory() as directory:
        os.environ["TENSORBOARD_ACTIVIS_CACHE"] = f"{directory}/cache"
        logs = Logs(Path(directory) / "logs")
        for index in range(4):
            logs.write(f"stays{index}", 5)
        with tensorboard(f"--logdir={logs.directory}", f"--reload_interval={RELOAD_SECONDS}", tensorflow=True) as board:
            server = children()[-1]
            load = Load(board, logs, minutes + ALONE_SECONDS / 60)
            load.watch_pages(time.monotonic() + ALONE_SECONDS)
            threads = [threading.Thread(target=load.client, args=(index,)) for index in range(clients)]
            threads += [threading.Thread(target=load.watch_pages), threading.Thread(target=load.change_logs)]
            for thread in threads:
                thread.start()
            used = []
            for _ in range(PARTS - 1):
                time.sleep(60 * minutes / PARTS)
                used.append(Usage.of(server))
            for thread in threads:
                thread.join()
            time.sleep(5)
            used.append(Usage.of(server))
            idle = used[-1].seconds
            time.sleep(20)
            idle = (Usage.of(server).seconds - idle) / 20
    slowest: dict[str, float] = {}
    for seconds, route in load.answers:
        slowest[route] = max(seconds, slowest.get(route, 0))
    counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(load.counted.items()))
    print(
        f"{clients} clients, {minutes:g} min, load of the machine {os.getloadavg()[1]:.1f}: {counts}; {len(load.errors)} errors"
    )
    _print_times("TensorBoard's own pages before", load.alone)
    _print_times("TensorBoard's own pages meanwhile", load.pages)
    _print_times("ours", [seconds for seconds, _ in load.answers])
    print("  slowest by route:", ", ".join(f"{route} {one:.2f} s" for route, one in sorted(slowest.items())))
    for part, one in enumerate(used, 1):
        print(f"  server after {part * 100 // PARTS} %: {one}")
    print(f"  server once nobody asks: {100 * idle:.1f} % of a core")
    for error in load.errors[:5]:
        print("  error:", error)
    return 1 if load.errors else 0


def _print_times(name: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    late = sum(one > 1 for one in ordered)
    print(
        f"  {name}: median {statistics.median(ordered):.3f} s, 99 % below {ordered[int(0.99 * len(ordered))]:.2f} s, "
        f"slowest {ordered[-1]:.2f} s, {late:,} of {len(ordered):,} above 1 s"
    )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=16)
    options = parser.parse_args()
    return mixed_load(options.minutes, options.clients)


if __name__ == "__main__":
    sys.exit(main())
