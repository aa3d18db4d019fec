"""Processor time of small requests, in one process without a socket: what the tab waits for at every click.

With the directory of another checkout, both are measured in turns, each in a process of its own, and compared.

Usage: python benchmarks/routes.py [OTHER] [ROUNDS] [QUESTION ...]   # OTHER: a checkout with its generated files
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

CHECKOUT = Path(__file__).resolve().parent.parent
#: Requests of one route in a row, whose time is taken together.
REQUESTS = 100
LIMIT = 1.03
AT = {"run": "small", "step": 1}
ROWS = [{"subset": "all"}, {"subset": "class 1"}, {"expression": "score < 0.6"}]
#: Description -> route and parameters, old names as well.
QUESTIONS: dict[str, tuple[str, dict[str, object]]] = {
    "runs": ("runs", {}),
    "graph": ("graph", {"run": "small"}),
    "snapshot": ("snapshot", AT),
    "strips": ("strips", AT),
    "columns": ("columns", AT),
    "column_statistics": ("column_statistics", AT),
    "facets": ("facets", {**AT, "expression": "score < 0.6"}),
    "matrix, three rows": ("matrix", {**AT, "layer": "features", "rows": ROWS}),
    "matrix, one neuron of it": (
        "matrix",
        {**AT, "layer": "features", "rows": ROWS, "quantized": "mean", "window": [3, 4]},
    ),
    "neuron": ("neuron", {**AT, "layer": "features", "neuron": 3, "rows": ROWS}),
    "subset": ("subset", {**AT, "layer": "features", "row": {"subset": "class 1"}}),
    "instance": ("instance", {**AT, "layer": "features", "index": 7, "row": 7}),
    "where": ("where", {**AT, "expression": "score < 0.6"}),
    "table, 50 instances": ("table", {**AT, "order": "score", "limit": 50}),
    "an error": ("matrix", {**AT, "layer": "nowhere", "rows": ROWS}),
}


class Server:
    """A process that answers with the code of one checkout."""

    def __init__(self, checkout: Path, logdir: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "serve", str(logdir)],
            env={**os.environ, "PYTHONPATH": str(checkout)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seconds(self, question: str) -> float:
        """Processor time of one request, from `REQUESTS` of them."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(question, file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@contextmanager
def server(checkout: Path, logdir: Path) -> Iterator[Server]:
    """A server that is closed at the end."""
    process = Server(checkout, logdir)
    try:
        yield process
    finally:
        process.close()


def serve(logdir: Path) -> None:
    """Reads names of questions, and writes the seconds of one request each."""
    from tests.serve.client import Client  # of the checkout in PYTHONPATH

    client = Client(logdir)
    for line in sys.stdin:
        route, parameters = QUESTIONS[line.strip()]
        assert (client.get(route, None, **parameters).status_code == 200) == (line != "an error\n")
        started = time.process_time()
        for _ in range(REQUESTS):
            client.get(route, None, **parameters).get_data()
        print((time.process_time() - started) / REQUESTS, flush=True)


def main(other: str | None = None, rounds: str = "21", *wanted: str) -> None:
    """Prints milliseconds of each question, and the ratio to the other checkout's."""
    sys.path.insert(0, str(CHECKOUT))
    from benchmarks._browser_runs import write
    from benchmarks._pairs import ratio

    with tempfile.TemporaryDirectory(prefix="activis-benchmark-") as directory, ExitStack() as stack:
        write(Path(directory), ["small"])
        checkouts = [CHECKOUT, *([Path(other).resolve()] if other else [])]
        servers = [stack.enter_context(server(checkout, Path(directory))) for checkout in checkouts]
        for question in wanted or QUESTIONS:
            times: list[list[float]] = [[] for _ in servers]
            for turn in range(int(rounds) + 1):  # the first warms up
                for index in range(len(servers))[:: -1 if turn % 2 else 1]:
                    times[index].append(servers[index].seconds(question))
            own, *others = (each[1:] for each in times)
            line = f"{question:<28}{median(own) * 1e3:>8.3f} ms"
            for reference in others:
                value = ratio(own, reference)
                line += f"{median(reference) * 1e3:>9.3f} ms {value:>6.2f}   {'held' if value <= LIMIT else 'MISSED'}"
            print(line, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(Path(sys.argv[2]))
    else:
        main(*sys.argv[1:])
