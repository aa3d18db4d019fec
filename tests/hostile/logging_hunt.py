"""Sequences of logging: sessions, steps that rise, stay or go back, kills, copies; every reader against a model of the rule.

The model is a list of what was announced. A snapshot takes the place of everything before it at its step or a higher one; sessions
follow each other by their start. `open_run`, the serving half over TensorBoard's Python loader (with and without
`--purge_orphaned_data`) and `check` must all show exactly that, with the values that were logged.
"""

import argparse
import logging
import random
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import numpy as np
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin

from tensorboard_activis import schema
from tensorboard_activis.blobs import event_files
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.check.directory import check_directory
from tensorboard_activis.framing import framed
from tensorboard_activis.metadata import partial_name
from tensorboard_activis.query.graph import describe_graph
from tensorboard_activis.read.run import open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve.encoding import encode_json
from tensorboard_activis.serve.event_source import RequestScope
from tensorboard_activis.serve.newest import NewestOfEachStep
from tensorboard_activis.serve.runs import Runs
from tensorboard_activis.write.arrays import ArrayWriter

INSTANCES, NEURONS = 4, 3
STEPS = 9
_SHAPE = schema.Shape((-1, NEURONS))
_GRAPH = schema.Graph(
    "torch",
    "Net",
    (
        schema.Node("", None, "module", "Net", "Net", (_SHAPE,)),
        schema.Node("head", "", "module", "head", "Linear", (_SHAPE,)),
    ),
    (),
)
_LAYERS = (schema.LayerInfo("head", NEURONS, "none", 0, _SHAPE),)


def _request() -> RequestScope:
    """Each question is one of its own."""
    return RequestScope(RequestContext(), "")


class Fault(Exception):
    """A reader does not show what was logged."""


@dataclass
class Session:
    """One logger: the steps that it announced, in order, each with the value that all activations have there."""

    recorder: Recorder
    announced: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Directory:
    """A run and what was announced in it: sessions by their names, which sort by their start."""

    path: Path
    sessions: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    live: Session | None = None

    def counting(self) -> dict[int, int]:
        """By step, the value that counts: the rule, spelled out anew."""
        logged = [one for name in sorted(self.sessions) for one in self.sessions[name]]
        return {
            step: value
            for place, (step, value) in enumerate(logged)
            if not any(later <= step for later, _ in logged[place + 1 :])
        }


class Server:
    """The serving half over TensorBoard's Python loader; its caches live as long as it does."""

    def __init__(self, logdir: Path, *, purges: bool) -> None:
        self._logdir, self._purges = logdir, purges
        self._multiplexer, provider = self._loaded()
        # What a session's start does for TensorBoard must suffice; without it, the plugin looks for itself.
        multiplexer = None if purges else self._multiplexer
        flags = argparse.Namespace(logdir_spec="")
        context = base_plugin.TBContext(
            data_provider=provider, multiplexer=multiplexer, logdir=str(logdir), flags=flags
        )
        self.runs = Runs(context)

    def _loaded(self) -> tuple[plugin_event_multiplexer.EventMultiplexer, data_provider.MultiplexerDataProvider]:
        multiplexer = plugin_event_multiplexer.EventMultiplexer(
            tensor_size_guidance={"activis": 0}, purge_orphaned_data=self._purges
        )
        return multiplexer, data_provider.MultiplexerDataProvider(multiplexer, str(self._logdir))

    def restart(self) -> None:
        """TensorBoard reads all anew, as it must where files came that sort before what it read; the plugin's caches stay."""
        self._multiplexer, provider = self._loaded()
        self.runs._events._provider = provider if self._purges else NewestOfEachStep(provider, self._multiplexer)

    def reload(self) -> None:
        """TensorBoard reads what is new."""
        self._multiplexer.AddRunsFromDirectory(str(self._logdir))
        self._multiplexer.Reload()


class Sequence:
    """One input: the runs `a` and `b`, what is done to them, and the readers."""

    def __init__(self, logdir: Path, chance: random.Random) -> None:
        self._logdir, self._chance = logdir, chance
        self._runs = {name: Directory(logdir / name) for name in ("a", "b")}
        self._value = 0
        self._torn: set[str] = set()
        self._digests: dict[str, int] = {}
        self._behind = 0.0
        self._servers = [Server(logdir, purges=purges) for purges in (True, False)]
        self.done: list[str] = []

    def now(self) -> float:
        """The clock that loggers see."""
        return _TIME() - self._behind

    def play(self) -> None:
        """Does some things, and looks after some of them. Raises Fault."""
        actions: tuple[tuple[Callable[[Directory], str], int], ...] = (
            (self._log, 12),
            (self._fail, 1),
            (self._open, 3),
            (self._leave, 2),
            (self._kill, 2),
            (self._copy, 1),
            (self._replace, 1),
            (self._set_clock_back, 1),
            (self._wait, 3),
        )
        chance = self._chance
        for _ in range(chance.randint(2, 14)):
            run = self._runs["a" if chance.random() < 0.8 else "b"]
            action = chance.choices([one for one, _ in actions], [weight for _, weight in actions])[0]
            self.done.append(f"{run.path.name}: {action(run)}")
            if chance.random() < 0.3:
                self._look()
        self._look()
        for run in self._runs.values():
            self._close(run)

    def _session(self, run: Directory) -> Session:
        if run.live is None:
            recorder = Recorder(run.path, _GRAPH, _LAYERS, strict=True)
            run.live = Session(recorder)
            run.sessions[recorder._session_name] = run.live.announced
        return run.live

    def _open(self, run: Directory) -> str:
        self._close(run)
        self._session(run)
        return "new session"

    def _close(self, run: Directory) -> None:
        if run.live is not None:
            run.live.recorder.close()
        run.live = None

    def _leave(self, run: Directory) -> str:
        """The process ends without a word: nothing is closed, and the system gives up the lock."""
        if run.live is not None:
            run.live.recorder._directory.close()
        run.live = None
        return "session left"

    def _step(self, run: Directory) -> int:
        session = self._session(run)
        last = session.announced[-1][0] if session.announced else self._chance.randrange(STEPS)
        kind = self._chance.random()
        if kind < 0.5:
            return last + self._chance.randint(1, 3)
        return last if kind < 0.75 else self._chance.randrange(last + 1)

    def _log(self, run: Directory) -> str:
        session, step = self._session(run), self._step(run)
        self._value += 1
        values = np.full((INSTANCES, NEURONS), self._value, np.float32)
        inline = self._chance.choice((0, 1 << 16))
        with (
            mock.patch("tensorboard_activis.write.arrays.INLINE_BYTES", inline),
            session.recorder.snapshot(step) as one,
        ):
            one.add(BatchRecord({"head": values}, ids=list(range(INSTANCES))))
        session.announced.append((step, self._value))
        return f"log({step}) is {self._value}, {'in a file' if not inline else 'in the event'}"

    def _fail(self, run: Directory) -> str:
        session, step = self._session(run), self._step(run)
        with suppress(RuntimeError), session.recorder.snapshot(step) as one:
            one.add(BatchRecord({"head": np.zeros((INSTANCES, NEURONS), np.float32)}, ids=list(range(INSTANCES))))
            raise RuntimeError("the evaluation failed")
        return f"log({step}) fails"

    def _kill(self, run: Directory) -> str:
        """In the middle of a snapshot: some of what comes before its event is there, perhaps half of the event."""
        session, step = self._session(run), self._step(run)
        recorder, directory = session.recorder, Path(str(session.recorder._directory.path))
        arrays = ArrayWriter(directory, step, recorder._session_name, 0, recorder._begun[step])
        arrays.hold("activations/0", np.zeros((INSTANCES, NEURONS), np.float16))
        stage = self._chance.randrange(4)
        if stage == 0:
            (directory / partial_name(arrays.name)).write_bytes(b"half of it")
        else:
            arrays.close()
        events = [path for path in event_files(directory) if recorder._session_name in path.name]
        if stage == 2 and events:
            record = framed(b"what was never written to its end")
            with events[-1].open("ab") as file:
                file.write(record[: self._chance.randrange(1, len(record))])
            self._torn.add(events[-1].name)
        if stage == 3:
            (directory / partial_name(f"events-{recorder._session_name}")).write_bytes(b"half of it")
        self._leave(run)
        return f"killed in log({step}), stage {stage}"

    def _copy(self, run: Directory) -> str:
        """The other run's files are copied here, over what has the same name."""
        other = next(one for one in self._runs.values() if one is not run)
        for one in (run, other):
            self._close(one)
        if not other.path.exists():
            return "nothing to copy"
        shutil.copytree(other.path, run.path, dirs_exist_ok=True)
        run.sessions |= {name: list(announced) for name, announced in other.sessions.items()}
        self._restart()
        return "the other one copied here"

    def _replace(self, run: Directory) -> str:
        """Removed, and the other run copied to its place. TensorBoard sees that it is gone, or is started anew."""
        self._close(run)
        shutil.rmtree(run.path, ignore_errors=True)
        run.sessions = {}
        seen = self._chance.random() < 0.5
        if seen:
            self._look()
        else:
            self._restart()
        return f"removed{' and missed' if seen else ''}, {self._copy(run)}"

    def _set_clock_back(self, run: Directory) -> str:
        self._behind += 1000.0
        return "the clock is set back"

    def _wait(self, run: Directory) -> str:
        seconds = self._chance.choice((0.4, 1.5, 100.0))
        self._behind -= seconds
        return f"{seconds:g} s go by"

    def _restart(self) -> None:
        for server in self._servers:
            server.restart()

    def _look(self) -> None:
        for server in self._servers:
            server.reload()
        for name, run in self._runs.items():
            counting = run.counting()
            if counting:
                self._look_directly(run, counting)
            for server in self._servers:
                self._look_through(server, name, counting)

    def _look_directly(self, run: Directory, counting: dict[int, int]) -> None:
        read = open_run(run.path)
        self._same("open_run", run, counting, read.steps)
        if read.problems or read.graph != _GRAPH:
            raise Fault(f"open_run: {read.problems}")
        for step, value in counting.items():
            self._holds("open_run", read.snapshot(step), value)
        report = check_directory(run.path / "activis")
        problems = [one for one in report.problems if one.where not in self._torn]
        total = sum(map(len, run.sessions.values()))
        if problems or (report.snapshots, report.superseded) != (total, total - len(counting)):
            raise Fault(f"check: {report.snapshots}, {report.superseded} of {total}, {len(counting)} count; {problems}")

    def _look_through(self, server: Server, name: str, counting: dict[int, int]) -> None:
        listed = server.runs.list_runs(_request()).runs
        steps = [step for run in listed if run.name == name for step in run.steps]
        self._same("the listing", self._runs[name], counting, [step.step for step in steps])
        if lost := [step.problem for step in steps if step.problem]:
            raise Fault(f"the listing: {lost[0]}")
        for step, value in counting.items():
            reader = server.runs.snapshot(_request(), name, step)
            self._holds("the tab", reader, value)
            if self._digests.setdefault(reader.digest, value) != value:
                raise Fault(f"{value} has the digest of {self._digests[reader.digest]}")
        if counting and server.runs.graph_json(_request(), name) != encode_json(describe_graph(_GRAPH)):
            raise Fault("the tab shows another graph")

    @staticmethod
    def _same(who: str, run: Directory, counting: dict[int, int], steps: list[int]) -> None:
        if steps != sorted(counting):
            raise Fault(f"{who} shows the steps {steps} of {run.path.name}; {sorted(counting)} count")

    @staticmethod
    def _holds(who: str, reader: SnapshotReader, value: int) -> None:
        shown = {float(one) for one in (*reader.summary("head").mean.flat, *reader.activations("head").flat)}
        if shown != {float(value)} or sorted(reader.instances["id"].to_pylist()) != list(range(INSTANCES)):
            raise Fault(f"{who} shows {shown} at step {reader.step}, which is {value}")


_TIME = time.time


def try_one(logdir: Path, number: int, seed: int) -> Sequence:
    """Plays one input in an empty directory. Raises Fault, with what was done until then."""
    sequence = Sequence(logdir, random.Random(f"{seed} {number}"))
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # the logger says when steps or the clock go back
        stack.enter_context(mock.patch("time.time", sequence.now))
        try:
            sequence.play()
        except Exception as error:
            raise Fault(f"{error} After: {'; '.join(sequence.done)}.") from error
    return sequence


def main(inputs: int, seed: int, first: int, only: int | None) -> int:
    """Tries so many sequences, or one; returns the exit status."""
    first, inputs = (only, 1) if only is not None else (first, inputs)
    begun_at, actions = time.monotonic(), Counter[str]()
    faults = 0
    memory = Path("/dev/shm")
    logging.getLogger("tensorboard").setLevel(logging.CRITICAL)  # it says what it forgets, again and again
    for number in range(first, first + inputs):
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
            try:
                actions.update(one.split()[1] for one in try_one(Path(directory), number, seed).done)
            except Fault as fault:
                faults += 1
                print(f"sequence {number} of seed {seed}: {fault}", file=sys.stderr)
                if only is not None:
                    traceback.print_exception(fault)
    print(
        f"{inputs:,} sequences of {sum(actions.values()):,} actions in {time.monotonic() - begun_at:.0f} s; "
        f"{f'{faults} FAULTS' if faults else 'no fault'}"
    )
    return 1 if faults else 0
