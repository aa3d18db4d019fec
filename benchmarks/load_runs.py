"""Log directories of very many runs: the first picture, the first reading, and the cost of TensorBoard and the open tab after it.

    python benchmarks/load_runs.py               # 200 runs x 50 snapshots x 10 layers

TensorBoard reloads every five seconds, as it does by default. Shares are of one core, over a minute each: TensorBoard alone, which
is the peer; with one open tab, which asks for the runs every ten seconds; and both again while one run grows by a snapshot every
two seconds. Limits: 3 s for the first picture, 5 % for the tab's share.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks._load_logs import Logs, get  # noqa: E402
from tests.board import tensorboard  # noqa: E402
from tests.faults.process import Usage, children  # noqa: E402

RELOAD_SECONDS = 5
POLL_SECONDS = 10  # frontend/src/state/poll.ts
PICTURE_LIMIT, SHARE_LIMIT = 3.0, 0.05
#: Less than this share of a core while nobody asks: TensorBoard has read everything.
_QUIET = 0.1


class Server:
    """TensorBoard on a log directory, and the processor time that it takes."""

    def __init__(self, board: str) -> None:
        self.board = board
        self._process = children()[-1]
        self._etag: str | None = None

    def seconds(self) -> float:
        """Of processor time, so far."""
        return Usage.of(self._process).seconds

    def share(self, seconds: float) -> float:
        """Of one core, while nobody asks."""
        return self._share(seconds, asks=False, snapshots=None)

    def _share(self, seconds: float, asks: bool, snapshots: Iterator[int] | None) -> float:
        before, begun = self.seconds(), time.monotonic()
        polled = begun - POLL_SECONDS
        while (now := time.monotonic()) < begun + seconds:
            if asks and now >= polled + POLL_SECONDS:
                self.poll()
                polled = now
            if snapshots is not None:
                next(snapshots)
            time.sleep(2)
        return (self.seconds() - before) / (time.monotonic() - begun)

    def poll(self) -> int:
        """Looks for runs as the tab does, whose browser knows the last answer; the status."""
        status, _, _, self._etag = get(f"{self.board}/data/plugin/activis/runs", self._etag)
        return status

    def alone_and_with_tab(self, seconds: float, snapshots: Iterator[int] | None = None) -> tuple[float, float]:
        """Shares of one core; they take turns, so that what else the machine does meets both."""
        alone = tab = 0.0
        for _ in range(2):
            alone += self._share(seconds / 2, False, snapshots) / 2
            tab += self._share(seconds / 2, True, snapshots) / 2
        return alone, tab

    def wait_until_quiet(self) -> None:
        """Until TensorBoard has read all files."""
        while self.share(10) > _QUIET:
            pass

    def wait_until_known(self, runs: int, steps: int) -> None:
        """Until every snapshot is listed in full."""
        while True:
            listed = json.loads(get(f"{self.board}/data/plugin/activis/runs")[1])["runs"]
            known = sum(step["loss"] is not None for run in listed for step in run["steps"])
            if known == runs * steps:
                return
            time.sleep(2)


@contextmanager
def many_runs(runs: int, steps: int, layers: int) -> Iterator[Logs]:
    """So many equal runs, written an hour ago."""
    with tempfile.TemporaryDirectory() as directory:
        logs = Logs(Path(directory), layers=layers, neurons=32, instances=100)
        logs.write("run0", steps)
        hour_ago = time.time() - 3600
        for path in (logs.directory / "run0").rglob("*"):
            os.utime(path, (hour_ago, hour_ago))
        for index in range(1, runs):
            shutil.copytree(logs.directory / "run0", logs.directory / f"run{index}")
        yield logs


def _picture() -> list[str]:
    rows = urllib.parse.quote('[{"subset": "all"}]')
    return [
        f"data/plugin/activis/{route}?run=run0&step=0&layer=layer0&rows={rows}"
        for route in ("graph", "snapshot", "strips", "matrix")
    ]


def main() -> int:
    """Prints the figures; 1 when one misses its limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with (
        many_runs(options.runs, options.steps, options.layers) as logs,
        tensorboard(f"--logdir={logs.directory}", f"--reload_interval={RELOAD_SECONDS}", tensorflow=True) as board,
    ):
        server = Server(board)
        server.wait_until_quiet()
        _, _, first, _ = get(f"{board}/data/plugin/activis/runs")
        picture = first + sum(get(f"{board}/{one}")[2] for one in _picture())
        begun, before = time.monotonic(), server.seconds()
        server.wait_until_known(options.runs, options.steps)
        reading, taken = time.monotonic() - begun, server.seconds() - before
        server.poll()
        unchanged = server.poll()
        still = server.alone_and_with_tab(options.seconds)
        with logs.growing("grows") as snapshots:
            growing = server.alone_and_with_tab(options.seconds, snapshots)
    print(
        f"{options.runs} runs x {options.steps} snapshots x {options.layers} layers; load of the machine {os.getloadavg()[0]:.1f}"
    )
    print(f"  first answer of runs: {first:.2f} s; with graph, snapshot, strips and a matrix: {picture:.2f} s")
    print(
        f"  read once, in the background: {taken:.1f} s of a core within {reading:.0f} s; answered {unchanged} from then on"
    )
    for name, (alone, tab) in (("nothing changes", still), ("one run grows", growing)):
        print(
            f"  {name}: TensorBoard alone {100 * alone:.2f} % of a core, with the tab {100 * tab:.2f} %, "
            f"so the tab {100 * (tab - alone):.2f} %"
        )
    return int(picture > PICTURE_LIMIT or max(tab - alone for alone, tab in (still, growing)) > SHARE_LIMIT)


if __name__ == "__main__":
    sys.exit(main())
