"""Fuzzes what a run declares of itself: expressions and names of its subsets, and its other names, asked about over all routes."""

import json
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tensorboard_activis import activis_pb2 as pb
from tensorboard_activis import metadata
from tensorboard_activis.blobs import Blob
from tests.hostile.board import MEGABYTES, STATUSES, Fault
from tests.hostile.expressions import hostile_expression, hostile_text
from tests.hostile.peak import forget_peak, peak_megabytes
from tests.hostile.seeds import Seed, seeds
from tests.hostile.served import Served
from tests.hostile.tries import try_all
from tests.hostile.watch import Watch

#: Half of a surrogate pair is in no protobuf text; what stands for it until the message is bytes has as many of them.
_LONE, _STANDS_FOR_IT = b"\xed\xa0\x80", "\x1a\x1aS"
#: Names of runs; some are directories whose names are not UTF-8, as Python shows them.
RUNS = (
    "hostile",
    "a b/é",
    "x" * 200,
    "quote'\"",
    "tab\tnew\nline",
    "\u202ebidi",
    "not\udcffutf\udcfe8",
    "%2e%2e",
    "<b>",
)


def hostile_snapshot(blob: Blob, chance: random.Random) -> Blob:
    """The snapshot with one to three of the things that it says of itself changed."""
    message = pb.Snapshot()
    message.ParseFromString(blob.content)
    changes: tuple[tuple[int, Callable[[], None]], ...] = (
        (6, lambda: _subsets(message, chance)),
        (2, lambda: _classes(message, chance)),
        (1, lambda: message.notes.extend(_stored(hostile_text(chance), chance) for _ in range(3))),
        (1, lambda: _rename(message.columns, chance)),
        (1, lambda: _rename(message.layers, chance)),
        (1, lambda: _rename(message.metrics, chance)),
    )
    for change in chance.choices([change for _, change in changes], [weight for weight, _ in changes], k=2):
        change()
    return replace(blob, content=message.SerializeToString().replace(_STANDS_FOR_IT.encode(), _LONE))


def _stored(text: str, chance: random.Random) -> str:
    """As it goes into a message. Where there is half of a surrogate pair, the message as a whole is refused: seldom."""
    if chance.random() < 0.98:
        return text.encode(errors="replace").decode()
    return "".join(_STANDS_FOR_IT if "\ud800" <= one <= "\udfff" else one for one in text)


def _subsets(message: pb.Snapshot, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 1, 3, 40))):
        subset = (
            message.subsets.add() if chance.random() < 0.01 or not message.subsets else chance.choice(message.subsets)
        )
        if not subset.name or chance.random() < 0.3:
            subset.name = _stored(hostile_text(chance), chance)
        subset.kind = chance.choice(("user", "class", "all", "correct", "\x1b"))
        subset.expression = _stored(hostile_expression(chance), chance)


def _classes(message: pb.Snapshot, chance: random.Random) -> None:
    del message.class_names[chance.randrange(len(message.class_names) + 1) :]
    message.class_names.extend(_stored(hostile_text(chance), chance) for _ in range(chance.choice((1, 3, 30))))


def _rename(things: Sequence[Any], chance: random.Random) -> None:
    if things:
        chance.choice(things).name = _stored(hostile_text(chance), chance)


class Hunter:
    """Asks about one run after another."""

    def __init__(self, directory: Path) -> None:
        self._logs = directory / "logs"
        self._seeds = seeds(directory / "seeds")
        for number, seed in enumerate(self._seeds):
            for run in RUNS:
                place = self._logs / str(number) / run / "activis"
                place.mkdir(parents=True)
                for name, content in seed.files.items():
                    (place / name).write_bytes(content)
        self._watch = Watch()

    def try_one(self, chance: random.Random) -> None:
        """Makes a run and asks about it. Raises Fault and HeldError."""
        number = chance.randrange(len(self._seeds))
        seed, run = self._seeds[number], RUNS[0] if chance.random() < 0.7 else chance.choice(RUNS)
        served = Served(self._logs / str(number), {f"{run}/activis": tuple(_hostile_blobs(seed, chance))})
        step = next(blob.step for blob in seed.blobs if blob.tag == metadata.SNAPSHOT_TAG)
        try:
            self._ask(served, "runs", {})
            self._ask(served, "graph", {"run": run})
            subsets = [
                {"subset": name} for name in self._names(self._ask(served, "snapshot", {"run": run, "step": step}))
            ]
            for route, parameters in _questions(subsets, chance):
                self._ask(served, route, {"run": run, "step": step} | parameters)
        finally:
            served.close()

    @staticmethod
    def _names(answer: bytes) -> list[str]:
        described = json.loads(answer)
        return [subset["name"] for subset in described.get("subsets", [])]

    def _ask(self, served: Served, route: str, parameters: dict[str, object]) -> bytes:
        forget_peak()
        self._watch.start()
        status, body = served.post(route, **parameters)
        slow = self._watch.problem()
        asked = f"{route} {parameters!r:.300}"
        if served.internal:
            raise Fault(asked) from served.internal[0]
        if status not in STATUSES:
            raise Fault(f"{asked} answers {status}")
        if slow is not None:
            raise Fault(f"{asked} {slow}")
        if peak_megabytes() > MEGABYTES:
            raise Fault(f"{asked} took {peak_megabytes():.0f} MB of memory")
        self._watch.check_held()
        return body


def _hostile_blobs(seed: Seed, chance: random.Random) -> list[Blob]:
    return [hostile_snapshot(blob, chance) if blob.tag == metadata.SNAPSHOT_TAG else blob for blob in seed.blobs]


def _questions(subsets: list[dict[str, str]], chance: random.Random) -> list[tuple[str, dict[str, object]]]:
    layer = chance.choice(("head", "stem/relu"))
    some = chance.sample(subsets, min(4, len(subsets))) or [{"subset": "all"}]
    every: list[tuple[str, dict[str, object]]] = [
        ("matrix", {"layer": layer, "rows": some}),
        ("matrix", {"layer": layer, "rows": some, "sort": {"by": "difference", "a": 0, "b": len(some) - 1}}),
        ("subset", {"layer": layer, "row": some[0]}),
        ("subset", {"layer": layer, "row": some[-1]}),
        ("neuron", {"layer": layer, "neuron": 1, "rows": some}),
        *((route, {}) for route in ("strips", "columns", "column_statistics", "facets", "table", "export", "groups")),
        ("where", {"expression": hostile_expression(chance)}),
        ("table", {"expression": "label != 'ant' or prediction == 2", "order": "label"}),
        ("groups", {"by": "prediction", "expression": "correct"}),
        ("export", {"format": "parquet"}),
        ("instance", {"layer": layer, "index": 0}),
        ("projection", {"layer": layer}),
        ("activation", {"layer": layer, "neuron": 0}),
        ("content", {"index": 1}),
    ]
    return [every[0], every[2], *chance.sample(every, 3)]


def main(inputs: int, seed: int, first: int, only: int | None) -> int:
    """Tries the runs of these numbers; returns 1 if there was a fault."""
    os.environ["TENSORBOARD_ACTIVIS_CACHE"] = ""
    return try_all("declared", inputs, seed, first, only, lambda directory: Hunter(directory).try_one, unit="runs")
