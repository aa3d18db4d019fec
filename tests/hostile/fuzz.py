"""Feeds the reading half hostile runs: every answer must be an answer, or an error that says what is wrong.

    python -m tests.hostile.fuzz --inputs 1000000         # a night; input n of seed s is the same everywhere
    python -m tests.hostile.fuzz --seed 3 --only 17        # one of them, with its traceback

Looked for: exceptions that nobody meant for users, inputs that take more than 2 s of the processor, more than 1 GB of memory, files
opened outside of the run's directory, and answers about the good run beside the hostile one that are not what they were.
"""

import argparse
import faulthandler
import mmap
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from tensorboard.compat.proto import event_pb2

from tensorboard_activis import activis_pb2 as pb
from tensorboard_activis import codec, metadata
from tensorboard_activis.blobs import Blob, scan
from tensorboard_activis.check.directory import check_directory
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.health_codec import decode_health
from tensorboard_activis.read.arrays import whole_file
from tensorboard_activis.read.tables import read_table
from tests.hostile import mutations
from tests.hostile.peak import peak_megabytes
from tests.hostile.seeds import Seed, seeds
from tests.hostile.served import Served

SECONDS = 2.0
MEGABYTES = 1024
#: Statuses of answers; 500 would be an error that nobody foresaw.
STATUSES = {200, 304, 400, 404, 413, 422}
#: Inputs after which the watch is wound up again: a hang ends everything with a traceback.
_WATCH, _WATCH_SECONDS = 100, 400


class Fault(Exception):
    """The hostile input did what it must not."""


@dataclass(frozen=True)
class Hostile:
    """A run that was changed in one place, and how that place is read by itself in the run's directory."""

    seed: Seed
    read: Callable[[Path], object]


class Fuzzer:
    """One good run, one that is made hostile anew for every input, and the questions to both."""

    def __init__(self, directory: Path) -> None:
        self._logs = directory
        self._seeds = seeds(directory / "seeds")
        self._good = self._seeds[0]
        self._hostile = directory / "hostile" / "activis"
        self._hostile.mkdir(parents=True)
        self._place("good", self._good)
        self._expected: dict[str, tuple[int, bytes]] = {}
        self._opened: list[str] = []
        self._kinds: tuple[tuple[Callable[[Seed, random.Random], Hostile], int], ...] = (
            (_lying_blob, 9),
            (_damaged_blob, 4),
            (_lying_arrays, 4),
            (_damaged_file, 4),
            (_foreign_file, 1),
        )
        sys.addaudithook(self._audit)

    def _place(self, run: str, seed: Seed) -> Path:
        directory = self._logs / run / "activis"
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in seed.files.items():
            (directory / name).write_bytes(content)
        return directory

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            self._opened.append(os.fsdecode(arguments[0]))

    def input(self, number: int, seed: int) -> tuple[str, Hostile]:
        """The hostile run of this number, and how it was made."""
        chance = random.Random(f"{seed} {number}")
        kind = chance.choices([kind for kind, _ in self._kinds], [weight for _, weight in self._kinds])[0]
        return kind.__name__, kind(mutations.pick(self._seeds, chance), chance)

    def try_one(self, number: int, seed: int) -> str:
        """Asks about one input; returns its kind. Raises Fault."""
        chance = random.Random(f"{number} {seed}")
        kind, hostile = self.input(number, seed)
        for path in self._hostile.iterdir():
            path.unlink()
        self._place("hostile", hostile.seed)
        self._opened.clear()
        begun = time.process_time()
        if chance.random() < 0.08:
            (self._hostile / "events.out.tfevents.1").write_bytes(
                mutations.events(hostile.seed.events, chance, _inner_event)
            )
            list(scan(self._hostile / "events.out.tfevents.1"))
            check_directory(self._hostile)
        elif self._readable(hostile) or chance.random() < 0.1:
            self._ask(hostile.seed, chance)
        spent = time.process_time() - begun
        if spent > SECONDS:
            raise Fault(f"took {spent:.1f} s")
        outside = [path for path in self._opened if not self._inside(path)]
        if outside:
            raise Fault(f"opened {outside}")
        return kind

    def _readable(self, hostile: Hostile) -> bool:
        """Whether what was changed can be read by itself; if not, a question would get the same answer."""
        try:
            hostile.read(self._hostile)
        except ActiVisError:
            return False
        return True

    def _inside(self, path: str) -> bool:
        # Modules may be imported late; the clock's zone is looked up by the system.
        allowed = (
            str(self._logs),
            sys.prefix,
            sys.base_prefix,
            str(Path(__file__).parent.parent.parent),
            "/proc/",
            "/sys/",
        )
        return path.startswith(allowed) or path in ("/etc/localtime", "/dev/null", "/dev/urandom")

    def _ask(self, hostile: Seed, chance: random.Random) -> None:
        served = Served(self._logs, {"good/activis": self._good.blobs, "hostile/activis": hostile.blobs})
        try:
            if chance.random() < 0.2:
                self._check_answer(served, "runs", {})
            if chance.random() < 0.2:
                self._check_answer(served, "graph", {"run": "hostile"})
            if chance.random() < 0.2:
                self._check_answer(served, "health", {"run": "hostile", "columns": chance.choice((1, 7, 2_000))})
            steps = [blob.step for blob in hostile.blobs if blob.tag == metadata.SNAPSHOT_TAG]
            if not steps:
                return
            about = {"run": "hostile", "step": mutations.pick(steps, chance)}
            route, parameters = _question(chance)
            self._check_answer(served, route, about | parameters)
            if chance.random() < 0.02:
                self._check_good(served)
        finally:
            served.close()

    def _check_answer(self, served: Served, route: str, parameters: dict) -> None:
        status, _ = served.ask(route, **parameters)
        if served.internal:
            raise Fault(f"{route} {parameters}: {type(served.internal[0]).__name__}") from served.internal[0]
        if status not in STATUSES:
            raise Fault(f"{route} {parameters} answers {status}")

    def _check_good(self, served: Served) -> None:
        about = {"run": "good", "step": 1}
        for route, parameters in (("snapshot", {}), ("matrix", _MATRIX), ("columns", {}), ("graph", {})):
            answer = served.ask(route, **about, **parameters)
            if answer != self._expected.setdefault(route, answer) or answer[0] != 200:
                raise Fault(f"{route} of the good run answers {answer[0]}, {answer[1][:200]!r}")


_LAYERS = ("head", "stem/relu")
_MATRIX = {"layer": "head", "rows": [{"subset": "all"}, {"instance": 0}, {"expression": "score < 0.7"}]}


def _question(chance: random.Random) -> tuple[str, dict]:
    layer = mutations.pick(_LAYERS, chance)
    row = chance.choice((0, 3, 8))
    return mutations.pick(
        (
            ("snapshot", {}),
            ("strips", {}),
            ("matrix", _MATRIX | {"layer": layer}),
            ("matrix", {"layer": layer, "rows": [{"subset": "ant"}, {"subset": "all"}], "sort": {"by": "clustered"}}),
            ("projection", {"layer": layer}),
            ("columns", {}),
            ("column_statistics", {}),
            ("facets", {"expression": "score >= 0"}),
            ("activation", {"layer": layer, "neuron": 1}),
            ("where", {"expression": "label == 'ant' or neuron('head', 0) > 0.1 or len(id) > 1"}),
            ("where", {"expression": "prediction == label and not correct"}),
            ("table", {"order": "label", "expression": "score >= 0"}),
            ("table", {"order": "id", "descending": True}),
            ("instance", {"layer": layer, "index": row}),
            ("neuron", {"layer": layer, "neuron": 0, "rows": [{"subset": "all"}, {"instance": row}]}),
            ("subset", {"layer": layer, "expression": "score > 0.4", "name": "all"}),
            ("export", {"format": "csv"}),
            ("export", {"format": "parquet"}),
            ("content", {"index": row}),
        ),
        chance,
    )


#: By tag, the message and what reads it.
_KINDS: dict[str, tuple[type[Message], Callable[[bytes], Any]]] = {
    metadata.GRAPH_TAG: (pb.Graph, codec.decode_graph),
    metadata.SNAPSHOT_TAG: (pb.Snapshot, codec.decode_snapshot),
    metadata.HEALTH_TAG: (pb.Health, decode_health),
}


def _with_blob(seed: Seed, chance: random.Random, change: Callable[[Blob], bytes]) -> Hostile:
    blobs = list(seed.blobs)
    at = 0 if chance.random() < 0.2 else chance.randrange(1, len(blobs))
    old = blobs[at]
    new = blobs[at] = Blob(old.tag, old.step, old.wall_time, change(old))
    _, decode = _KINDS[new.tag]
    return Hostile(Seed(seed.name, tuple(blobs), seed.events, seed.files), lambda _: decode(new.content))


def _lying_blob(seed: Seed, chance: random.Random) -> Hostile:
    return _with_blob(seed, chance, lambda blob: mutations.message(blob.content, _KINDS[blob.tag][0], chance))


def _damaged_blob(seed: Seed, chance: random.Random) -> Hostile:
    return _with_blob(seed, chance, lambda blob: mutations.any_bytes(blob.content, chance))


def _with_file(seed: Seed, chance: random.Random, kind: str, change: Callable[[bytes], bytes]) -> Hostile:
    names = [name for name in seed.files if name.endswith(kind)]
    if not names:
        return _lying_blob(seed, chance)
    name = mutations.pick(names, chance)
    read = read_table if name.endswith(".parquet") else whole_file
    changed = Seed(seed.name, seed.blobs, seed.events, seed.files | {name: change(seed.files[name])})
    return Hostile(changed, lambda directory: read(directory / name))


def _lying_arrays(seed: Seed, chance: random.Random) -> Hostile:
    return _with_file(seed, chance, ".safetensors", lambda content: mutations.arrays(content, chance))


def _damaged_file(seed: Seed, chance: random.Random) -> Hostile:
    return _with_file(seed, chance, "", lambda content: mutations.any_bytes(content, chance))


def _foreign_file(seed: Seed, chance: random.Random) -> Hostile:
    """A file of another kind under the name."""
    other = mutations.pick(list(seed.files.values()), chance)
    return _with_file(seed, chance, "", lambda content: chance.choice((b"", other, seed.events, content[:20])))


def _inner_event(record: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        return mutations.any_bytes(record, chance)
    return mutations.message(record, event_pb2.Event, chance)


def run(inputs: int, seed: int, first: int, *, keep_going: bool, at: mmap.mmap) -> Counter[str]:
    """Tries so many inputs, leaving the number of each in `at`; returns how many there were of each kind. Raises Fault."""
    counted: Counter[str] = Counter()
    os.environ["TENSORBOARD_ACTIVIS_CACHE"] = ""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as directory:
        fuzzer = Fuzzer(Path(directory))
        for number in range(first, first + inputs):
            at[:8] = number.to_bytes(8, "little")
            try:
                if number % _WATCH == 0:
                    faulthandler.dump_traceback_later(_WATCH_SECONDS, exit=True)
                counted[fuzzer.try_one(number, seed)] += 1
                if peak_megabytes() > MEGABYTES:
                    raise Fault(f"took {peak_megabytes():.0f} MB of memory")
            except Exception as error:
                print(f"input {number} of seed {seed} ({fuzzer.input(number, seed)[0]}): {error}", file=sys.stderr)
                if not keep_going:
                    raise
                traceback.print_exception(error, limit=-3)
                counted["FAULTS"] += 1
        faulthandler.cancel_dump_traceback_later()
    return counted


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, metavar="N")
    parser.add_argument("--only", type=int, metavar="N")
    parser.add_argument("--keep-going", action="store_true")
    options = parser.parse_args()
    first, inputs = (options.only, 1) if options.only is not None else (options.first, options.inputs)
    begun = time.monotonic()
    faults, peak = 0, 0.0
    at = mmap.mmap(-1, 8)  # shared with the process that tries them: a crash leaves the number behind
    end = first + inputs
    while first < end:
        child = os.fork()
        if not child:
            _try_and_exit(first, end, options.seed, options.keep_going, at)
        _, status, usage = os.wait4(child, 0)
        peak = max(peak, usage.ru_maxrss / 1024)
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            print(f"input {_number(at)} of seed {options.seed} ended the process by signal {-code}", file=sys.stderr)
        faults += code != 0
        if code >= 0 or not options.keep_going:
            break
        first = _number(at) + 1
    print(
        f"{inputs:,} inputs in {time.monotonic() - begun:.0f} s; at most {peak:.0f} MB; {'FAULTS' if faults else 'no fault'}"
    )
    return 1 if faults else 0


def _try_and_exit(first: int, end: int, seed: int, keep_going: bool, at: mmap.mmap) -> None:
    status = 1
    try:
        faulthandler.enable()
        status = 1 if run(end - first, seed, first, keep_going=keep_going, at=at)["FAULTS"] else 0
    except Exception:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _number(at: mmap.mmap) -> int:
    return int.from_bytes(at[:8], "little")


if __name__ == "__main__":
    sys.exit(main())
