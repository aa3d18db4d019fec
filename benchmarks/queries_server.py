"""A real TensorBoard over HTTP on the run of 1,000,000 x 2,048: answers, memory, and four clients at once.

Memory is that of the server's processes without mapped files (Anonymous in smaps_rollup; Linux only), while four clients send
requests and after it; once as TensorBoard is, and once without TensorFlow, which it loads where that is installed. One client, then
four, send the same mix of requests, no request twice; meanwhile TensorBoard's own pages are fetched.

Usage: python benchmarks/queries_server.py [SECONDS]   # for each of one client and four; 30 without it
"""

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlencode
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._synthetic import LAYER, NEURONS, STEP, runs
from benchmarks._timing import line
from tests.board import tensorboard

INSTANCES = 1_000_000
MEGABYTES = 500
OWN_PAGES = ("", "data/environment", "data/runs", "data/plugins_listing")
_expressions = count(1)


def url(address: str, route: str, **parameters: object) -> str:
    """The address of a request about the one snapshot."""
    query = {"run": ".", "step": STEP} | {name: value for name, value in parameters.items() if value is not None}
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in query.items()}
    return f"{address}/data/plugin/activis/{route}?{urlencode(texts)}"


def ask(where: str) -> float:
    """Seconds until the whole answer is there. Raises HTTPError for any but 200."""
    started = time.perf_counter()
    with urlopen(where, timeout=120) as answer:
        answer.read()
    return time.perf_counter() - started


def half() -> str:
    """An expression for about half of the instances, another one at each call."""
    return f"score < {0.5 + next(_expressions) * 1e-5:.5f}"


def matrix(address: str, prefix: int | None) -> str:
    rows = [{"subset": "all"}, {"expression": half()}]
    return url(address, "matrix", layer=LAYER, rows=rows, prefix=prefix, statistics=["mean", "std"])


def neuron(address: str, prefix: int | None) -> str:
    rows = [{"subset": "all"}, {"expression": half()}]
    return url(address, "neuron", layer=LAYER, neuron=next(_expressions) * 37 % NEURONS, rows=rows, prefix=prefix)


#: What a user does: a subset is typed, seen at once, then exactly; neurons are looked at, instances listed.
MIX: dict[str, Callable[[str], str]] = {
    "matrix with a new subset, first answer": lambda address: matrix(address, 16_384),
    "matrix with a new subset, exact": lambda address: matrix(address, None),
    "one neuron, first answer": lambda address: neuron(address, 16_384),
    "one neuron, exact": lambda address: neuron(address, None),
    "instances of a text expression": lambda address: url(
        address, "table", expression=f'"who" in text and {half()}', limit=50
    ),
    "instances of an expression, ordered": lambda address: url(
        address, "table", expression=half(), order="loss", descending=True, limit=50
    ),
}
LIMITS = {"matrix with a new subset, exact": 2_500, "one neuron, exact": 1_000, "instances of a text expression": None}


def clients(address: str, number: int, duration: float) -> dict[str, list[float]]:
    """Seconds of each kind of request, sent by `number` clients at once for `duration` seconds."""
    times: dict[str, list[float]] = {name: [] for name in MIX}
    problems: list[BaseException] = []
    end = time.monotonic() + duration

    def work(client: int) -> None:
        kinds = list(MIX)
        try:
            for turn in count(client):
                if time.monotonic() > end:
                    return
                kind = kinds[turn % len(kinds)]
                times[kind].append(ask(MIX[kind](address)))
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    return times


@contextmanager
def own_pages(address: str) -> Iterator[list[float]]:
    """Seconds of TensorBoard's own pages, fetched one after the other during the body."""
    times: list[float] = []
    over = threading.Event()

    def work() -> None:
        for turn in count():
            if over.wait(0.2):
                return
            times.append(ask(f"{address}/{OWN_PAGES[turn % len(OWN_PAGES)]}"))

    thread = threading.Thread(target=work)
    thread.start()
    yield times
    over.set()
    thread.join()


def processes(parent: str = "self") -> list[Path]:
    """The descendants of a process, by default this one, as directories of /proc."""
    pid = Path("/proc/self").resolve().name if parent == "self" else parent
    descendants = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            fields = (directory / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] == pid:
            descendants += [directory, *processes(directory.name)]
    return descendants


def anonymous_bytes() -> int:
    """Memory of the server's processes without mapped files, in bytes."""
    total = 0
    for directory in processes():
        try:
            lines = (directory / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))
    return total


def p95(times: list[float]) -> float:
    return quantiles(times, n=20)[-1] if len(times) > 1 else times[0]


@contextmanager
def most_memory() -> Iterator[list[float]]:
    """Memory of the server's processes in megabytes, measured twice a second during the body."""
    samples = [anonymous_bytes() / 1e6]
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.5):
            samples.append(anonymous_bytes() / 1e6)

    thread = threading.Thread(target=work)
    thread.start()
    yield samples
    over.set()
    thread.join()


@contextmanager
def no_tensorflow() -> Iterator[None]:
    """Hides TensorFlow from TensorBoard, as where only PyTorch is installed."""
    before = os.environ.get("PYTHONPATH")
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "tensorflow.py").write_text('raise ImportError("left out")\n')
        os.environ["PYTHONPATH"] = directory if before is None else f"{directory}{os.pathsep}{before}"
        try:
            yield
        finally:
            if before is None:
                del os.environ["PYTHONPATH"]
            else:
                os.environ["PYTHONPATH"] = before


def figures(address: str, duration: float) -> None:
    """Times of all questions."""
    line("the snapshot's description, of a server just started", ask(url(address, "snapshot")))
    for route in ("strips", "columns", "column_statistics", "facets"):
        line(f"  then {route}", ask(url(address, route)))
    line("  then PCA of 1,000,000", ask(url(address, "projection", layer=LAYER, method="pca")))
    for question in MIX.values():
        ask(question(address))
    alone = clients(address, 1, duration)
    with own_pages(address) as pages:
        concurrent = clients(address, 4, duration)
    for kind in MIX:
        limit = 50 if "first" in kind else LIMITS.get(kind)
        line(f"{kind}: one client, median", median(alone[kind]), limit)
    for kind in MIX:
        line(f"{kind}: four clients, 95 %", p95(concurrent[kind]), 4, "times", p95(alone[kind]))
    four, one = (p95([each for times in by_kind.values() for each in times]) for by_kind in (concurrent, alone))
    line("all of these: four clients, 95 %", four, 4, "times", one)
    line(f"TensorBoard's own pages meanwhile, the slowest of {len(pages)}", max(pages), 1_000)


def serve(directory: Path, duration: float) -> None:
    """Times and memory of one server."""
    with tensorboard(f"--logdir={directory}", tensorflow=True) as address:
        while b'"step"' not in urlopen(f"{address}/data/plugin/activis/runs").read():
            time.sleep(0.5)
        at_start = anonymous_bytes() / 1e6
        with most_memory() as megabytes:
            figures(address, duration)
        time.sleep(3)
        after = anonymous_bytes() / 1e6
        if after:
            verdict = "ok" if after <= MEGABYTES else "MISSED"
            print(
                f"memory: {at_start:,.0f} MB at the start, at most {max(megabytes):,.0f} MB, {after:,.0f} MB after it; ",
                end="",
            )
            print(f"limit {MEGABYTES} {verdict}")


def main(duration: float = 30) -> None:
    """Once with TensorFlow, if that is installed, and once without."""
    with runs(INSTANCES) as (directory,):
        serve(directory, duration)
        if find_spec("tensorflow"):
            print("where TensorFlow is not installed:")
            with no_tensorflow():
                serve(directory, duration / 2)


if __name__ == "__main__":
    main(*(float(argument) for argument in sys.argv[1:]))
