"""Kills logging processes at random moments, and looks whether everything that they announced is there, and right.

python -m tests.faults.kill --times 200            # PyTorch alone, two processes of PyTorch, Keras; several minutes
python -m tests.faults.kill --times 20 --face recorder --seed 7
python -m tests.faults.kill --times 40 --face recorder-keep --face torch-2-keep    # while runs are thinned
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tensorboard_activis.blobs import event_files, scan
from tensorboard_activis.check.directory import check_directory
from tensorboard_activis.errors import ThinnedError
from tensorboard_activis.leftovers import referenced_files, side_files
from tensorboard_activis.read.run import Run
from tests.faults import victim
from tests.faults.board import steps_by_loader

ROOT = Path(__file__).resolve().parent.parent.parent
#: So often are processes killed in one run's directory, one after another.
IN_A_ROW = 10
#: Seconds that processes get to notice that another one is gone; those that had not found each other are ended at once.
_NOTICE, _AT_ONCE = 30.0, 0.5


@dataclass(frozen=True)
class Kill:
    """When, and which of the processes.

    Attributes:
        snapshots: so many are announced before; None: while the loggers are made.
        share: of the time that the next one takes.
    """

    ranks: tuple[int, ...]
    snapshots: int | None
    share: float

    @classmethod
    def drawn(cls, chance: random.Random, size: int) -> "Kill":
        """One of them or all, mostly when they log."""
        ranks = tuple(range(size)) if chance.random() < 0.4 else (chance.randrange(size),)
        snapshots = None if chance.random() < 0.1 else chance.randrange(4)
        return cls(ranks, snapshots, chance.uniform(0, 1.2))


@dataclass
class Figures:
    """What happened."""

    kills: int = 0
    announced: int = 0
    unannounced: int = 0
    leftovers: int = 0
    torn: int = 0
    before_ready: int = 0
    separated: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills ({self.before_ready} before the logger was ready), {self.announced:,} snapshots announced, "
            f"all complete and right; {self.unannounced} in flight were complete as well, {self.leftovers} files were left "
            f"over and cleared, {self.torn} event files ended in half a record"
            + (f", {self.separated} processes noticed that another was gone." if self.separated else ".")
        )


class Victims:
    """Processes of one face, one after another; see tests/faults/victim.py."""

    def __init__(self, face: str) -> None:
        self.face, self.size = face, victim.SIZES[face]
        #: Seconds that the last one took: to make the loggers (None), the first snapshot (0), a later one (1).
        self._pace: dict[int | None, float] = {None: 0.5, 0: 0.5, 1: 0.1}
        command = [sys.executable, "-m", "tests.faults.victim", face]
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
        self._server = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env=environment,
        )

    def killed(self, log_dir: Path, seed: int, first: int, kill: Kill) -> "Killed":
        """Has processes started, and kills them. They log from the step `first` on."""
        assert self._server.stdin is not None
        order = {"log_dir": str(log_dir), "seed": seed, "first": first}
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        found = Killed()
        pids: dict[int, int] = {}
        ready: set[int] = set()
        timers: list[threading.Timer] = []

        def rest() -> None:
            if found.ready:
                found.faults.append(f"hung for {_NOTICE:.0f} s after another process was killed")
            _kill(pids.values())

        def strike() -> None:
            found.struck = True
            _kill(pids[rank] for rank in kill.ranks)
            timers.append(threading.Timer(_NOTICE if found.ready else _AT_ONCE, rest))
            timers[-1].start()

        for rank, kind, text in self._lines():
            if kind == "started":
                pids[rank] = int(text)
                begun = time.monotonic()
            elif kind == "ready":
                ready.add(rank)
                found.ready = len(ready) == self.size
                self._pace[None], begun = time.monotonic() - begun, time.monotonic()
            elif kind == "announced":
                # The first takes longer: models are traced.
                count = int(text) + 1 - first
                if count > found.announced:
                    self._pace[min(found.announced, 1)], begun = time.monotonic() - begun, time.monotonic()
                found.announced = max(count, found.announced)
            elif kind == "fault" and found.struck and rank not in kill.ranks:
                found.separated += text.startswith("DisconnectedError: The other processes cannot be reached")
            elif kind == "fault":
                found.faults.append(text)
            making = kill.snapshots is None and len(pids) == self.size
            if not timers and (making or (found.ready and found.announced >= (kill.snapshots or 0))):
                pace = self._pace[None if kill.snapshots is None else min(kill.snapshots, 1)]
                timers.append(threading.Timer(kill.share * pace, strike))
                timers[-1].start()
        for timer in timers:
            timer.cancel()
        survivors = self.size - len(kill.ranks)
        if found.ready and found.struck and found.separated != survivors:
            found.faults.append(f"{found.separated} of {survivors} processes said that another was gone")
        return found

    def _lines(self) -> Iterator[tuple[int, str, str]]:
        assert self._server.stdout is not None
        for line in self._server.stdout:
            rank, kind, text = (*line.strip().split(" ", 2), "")[:3]
            if kind == "ended":
                return
            yield int(rank), kind, text
        raise RuntimeError(f"The victims' server of {self.face} ended with {self._server.wait()}.")

    def close(self) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.kill()
        self._server.wait()


@dataclass
class Killed:
    """What processes said before they were killed.

    Attributes:
        announced: how many steps, from the first on. ready: whether all loggers were. struck: whether it came to killing.
        separated: processes that were left and noticed. faults: what else they met.
    """

    announced: int = 0
    ready: bool = False
    struck: bool = False
    separated: int = 0
    faults: list[str] = field(default_factory=list)


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_in_a_row(victims: Victims, log_dir: Path, times: int, chance: random.Random) -> Figures:
    """Kills so often processes that log to one run, each taking over from the one before; checks after every time."""
    figures = Figures()
    expected: dict[int, int] = {}  # step -> seed, what the run must hold
    directory = log_dir / "activis"
    while figures.kills < times:
        seed = chance.randrange(1 << 30)
        last = max(expected, default=0)
        # Mostly it goes on, sometimes from an earlier checkpoint.
        first = last + 1 if chance.random() < 0.7 else max(1, last - 2)
        left = _left(directory)
        kill = Kill.drawn(chance, victims.size)
        found = victims.killed(log_dir, seed, first, kill)
        figures.kills += 1
        figures.announced += found.announced
        figures.before_ready += not found.ready
        figures.leftovers += len(left) if found.ready else 0
        figures.separated += found.separated
        assert not found.faults, (found, kill)
        if found.ready:
            assert not left & _left(directory), f"left over by a process before, and not cleared: {left}"
        announced = list(range(first, first + found.announced))
        expected = _check(directory, expected, seed, announced, first, figures)
        if victims.face in victim.KEEPS and directory.exists():
            _check_thinned(Run(directory), victim.KEEPS[victims.face], announced)
    if directory.exists():
        held = Run(directory)
        assert all(_is_right(held, step, seed) for step, seed in expected.items()), "a later session changed a snapshot"
        for loader, steps in steps_by_loader(log_dir.parent, log_dir.name, set(expected)).items():
            assert steps == sorted(expected), f"{loader} shows {steps}; {sorted(expected)} were announced"
    return figures


def _left(directory: Path) -> set[tuple[str, int, int]]:
    """Files that no event names, and not another of the same name: tables are called after what is in them."""
    if not directory.exists():
        return set()
    names = referenced_files(item for path in event_files(directory) for item in scan(path)) or set()
    files = [(path.name, path.stat()) for path in side_files(directory) if path.name not in names]
    return {(name, status.st_ino, status.st_mtime_ns) for name, status in files}


def _check(
    directory: Path, before: dict[int, int], seed: int, said: list[int], first: int, figures: Figures
) -> dict[int, int]:
    """What the run holds now, by step; what is new was compared with what its seed and step demand."""
    if not directory.exists():
        assert not said
        return before
    run = Run(directory)
    assert run.problems == ()
    complete = list(said)
    in_flight = first + len(said)
    if in_flight in run.steps and _is_right(run, in_flight, seed):
        complete.append(in_flight)
        figures.unannounced += 1
    after = {step: old for step, old in before.items() if step < first} if complete else dict(before)
    after |= dict.fromkeys(complete, seed)
    assert run.steps == sorted(after), f"there is {run.steps}; {sorted(after)} were announced"
    for step in complete:  # what was there before was compared before
        assert _is_right(run, step, after[step]), f"step {step} is not what was logged"
    for problem in check_directory(directory).problems:
        assert "ends in the middle of a record" in problem.wrong, problem
        figures.torn += 1
    return after


def _check_thinned(run: Run, keep: int, complete: list[int]) -> None:
    """The first and the newest step are whole, and at most so many beside those that no process was left to thin."""
    whole = [step for step in run.steps if run.snapshot(step).remains is None]
    if run.steps:
        assert {run.steps[0], run.steps[-1]} <= set(whole), f"{whole} of {run.steps} are whole"
    if len(complete) > 1:  # the one before was thinned to so many, and only the last may have been cut short
        assert len(whole) <= keep + 1, f"{whole} of {run.steps} are whole"


def _is_right(run: Run, step: int, seed: int) -> bool:
    snapshot = run.snapshot(step)
    rows = np.array(snapshot.instances["id"].to_pylist())
    if sorted(rows) != list(range(victim.INSTANCES)):
        return False
    for layer, expected in zip(snapshot.layers, victim.activations(seed, step), strict=True):
        try:
            right = np.allclose(snapshot.activations(layer), expected[rows], rtol=2e-3, atol=2e-3)
        except ThinnedError:
            right = snapshot.remains is not None
        if not right or not np.allclose(snapshot.summary(layer).mean[0], expected.mean(axis=0), rtol=1e-3, atol=1e-4):
            return False
    return True


@contextmanager
def victims_of(face: str) -> Iterator[Victims]:
    """Ends what it began."""
    victims = Victims(face)
    try:
        yield victims
    finally:
        victims.close()


def run(face: str, times: int, seed: int) -> Figures:
    """Kills so many processes of one face, in several runs' directories."""
    total = Figures()
    chance = random.Random(f"{face} {seed}")
    with victims_of(face) as victims:
        while total.kills < times:
            logs = Path(tempfile.mkdtemp())
            found = kill_in_a_row(victims, logs / "run", min(IN_A_ROW, times - total.kills), chance)
            for name, value in vars(found).items():
                setattr(total, name, getattr(total, name) + value)
            shutil.rmtree(logs)
    return total


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--face", choices=sorted(victim.FACES), action="append")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    faces = options.face or ["torch", "torch-2", "keras"]
    for index, face in enumerate(faces):
        times = options.times // len(faces) + (index < options.times % len(faces))
        begun = time.monotonic()
        print(f"{face}: {run(face, times, options.seed)} {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
