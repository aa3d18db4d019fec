"""Kills logging processes at random moments, and looks whether everything that they announced is there, and right.

python -m tests.faults.kill --times 200            # about half with PyTorch, half with Keras; several minutes
python -m tests.faults.kill --times 20 --face recorder --seed 7
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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tensorboard_activis.blobs import event_files, scan
from tensorboard_activis.check.directory import check_directory
from tensorboard_activis.leftovers import announced, side_files
from tensorboard_activis.read.run import Run
from tests.faults import victim
from tests.faults.board import steps_by_loader

ROOT = Path(__file__).resolve().parent.parent.parent
#: So many processes are killed in one run's directory, one after another.
IN_A_ROW = 10


@dataclass
class Figures:
    """What happened."""

    kills: int = 0
    announced: int = 0
    unannounced: int = 0
    leftovers: int = 0
    torn: int = 0
    before_ready: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills ({self.before_ready} before the logger was ready), {self.announced:,} snapshots announced, "
            f"all complete and right; {self.unannounced} in flight were complete as well, {self.leftovers} files were left "
            f"over and cleared, {self.torn} event files ended in half a record."
        )


class Victims:
    """Processes of one face, one after another; see tests/faults/victim.py."""

    def __init__(self, face: str) -> None:
        self.face = face
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

    def killed(self, log_dir: Path, seed: int, first: int, after: float) -> tuple[list[int], bool, list[str]]:
        """The steps that a process announced before it was killed, whether it was ready by then, and faults that it met.

        Arguments:
            after: seconds from its start; it is given more until it was ready once, when negative.
        """
        assert self._server.stdin is not None
        order = {"log_dir": str(log_dir), "seed": seed, "first": first}
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        announced: list[int] = []
        faults: list[str] = []
        ready = False
        timer: threading.Timer | None = None
        for kind, text in self._lines():
            if kind == "started":
                timer = threading.Timer(after, _kill, [int(text)])
                timer.start()
            elif kind == "announced":
                announced.append(int(text))
            elif kind == "fault":
                faults.append(text)
            ready |= kind == "ready"
        if timer is not None:
            timer.cancel()
        return announced, ready, faults

    def _lines(self) -> Iterator[tuple[str, str]]:
        assert self._server.stdout is not None
        for line in self._server.stdout:
            kind, _, text = line.strip().partition(" ")
            if kind == "ended":
                return
            yield kind, text
        raise RuntimeError(f"The victims' server of {self.face} ended with {self._server.wait()}.")

    def close(self) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.kill()
        self._server.wait()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_in_a_row(victims: Victims, log_dir: Path, times: int, chance: random.Random, longest: float) -> Figures:
    """Kills so many processes that log to one run, each taking over from the one before; checks after every one.

    Arguments:
        longest: seconds up to which a process may live.
    """
    figures = Figures()
    expected: dict[int, int] = {}  # step -> seed, what the run must hold
    directory = log_dir / "activis"
    while figures.kills < times:
        seed = chance.randrange(1 << 30)
        last = max(expected, default=0)
        # Mostly it goes on, sometimes from an earlier checkpoint.
        first = last + 1 if chance.random() < 0.7 else max(1, last - 2)
        left = (
            {path.name for path in side_files(directory)} - _announced_files(directory) if directory.exists() else set()
        )
        said, ready, faults = victims.killed(log_dir, seed, first, chance.uniform(0, longest))
        figures.kills += 1
        figures.announced += len(said)
        figures.before_ready += not ready
        figures.leftovers += len(left) if ready else 0
        figures.faults += faults
        assert not faults, faults
        if ready:
            there = {path.name for path in side_files(directory)}
            assert not left & there, f"left over by a process before, and not cleared: {left & there}"
        expected = _check(directory, expected, seed, first, said, figures)
    if directory.exists():
        held = Run(directory)
        assert all(_is_right(held, step, seed) for step, seed in expected.items()), "a later session changed a snapshot"
        for loader, steps in steps_by_loader(log_dir.parent, log_dir.name, set(expected)).items():
            assert steps == sorted(expected), f"{loader} shows {steps}; {sorted(expected)} were announced"
    return figures


def _announced_files(directory: Path) -> set[str]:
    return announced(found for path in event_files(directory) for found in scan(path)) or set()


def _check(
    directory: Path, before: dict[int, int], seed: int, first: int, said: list[int], figures: Figures
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


def _is_right(run: Run, step: int, seed: int) -> bool:
    snapshot = run.snapshot(step)
    rows = np.array(snapshot.instances["id"].to_pylist())
    if sorted(rows) != list(range(victim.INSTANCES)):
        return False
    for layer, expected in zip(snapshot.layers, victim.activations(seed, step), strict=True):
        right = np.allclose(snapshot.activations(layer), expected[rows], rtol=2e-3, atol=2e-3)
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


def run(face: str, times: int, seed: int, longest: float) -> Figures:
    """Kills so many processes of one face, in several runs' directories."""
    total = Figures()
    chance = random.Random(f"{face} {seed}")
    with victims_of(face) as victims:
        while total.kills < times:
            logs = Path(tempfile.mkdtemp())
            found = kill_in_a_row(victims, logs / "run", min(IN_A_ROW, times - total.kills), chance, longest)
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
    parser.add_argument("--longest", type=float, default=0.6, metavar="SECONDS", help="that a process may live")
    options = parser.parse_args()
    faces = options.face or ["torch", "keras"]
    for index, face in enumerate(faces):
        times = options.times // len(faces) + (index < options.times % len(faces))
        begun = time.monotonic()
        print(f"{face}: {run(face, times, options.seed, options.longest)} {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
