"""Hunts for Parquet files that do harm: reads each, and asks the plugin about a run that has it as its table of instances.

Looked for: errors that nobody foresaw, answers of status 500, more than 2 s of the processor or 1 GB of memory, and processes
that end.
"""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from tensorboard_activis.blobs import Blob, event_files, scan
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.read.column_types import supported_type
from tensorboard_activis.read.tables import read_table
from tests.hostile.fuzz import STATUSES
from tests.hostile.parquet_mutations import hostile
from tests.hostile.route_parameters import ROUTE_PARAMETERS
from tests.hostile.served import Served
from tests.hostile.trials import Fault, hunt
from tests.records import small_data, write_run

ROWS, STEP = 17, 3


def main(inputs: int, seed: int, first: int, only: int | None) -> int:
    """Tries so many inputs; returns the exit status."""
    os.environ["TENSORBOARD_ACTIVIS_CACHE"] = ""

    def start(directory: Path) -> Any:
        run = Run(directory)
        return lambda number: run.prepared(random.Random(f"{seed} {number}"))

    return hunt(inputs, seed, first, only, start)


class Run:
    """A good run, whose table is replaced for every input."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        write_run(logs / "run", small_data(ROWS), (STEP,))
        directory = logs / "run" / "activis"
        (self._table,) = directory.glob("*.parquet")
        (events,) = event_files(directory)
        self._blobs = [blob for blob in scan(events) if isinstance(blob, Blob)]

    def prepared(self, chance: random.Random) -> Callable[[], str]:
        """Puts the input in its place; what it returns tries it."""
        kind, content = hostile(chance, ROWS)
        self._table.unlink(missing_ok=True)  # another file, not the same one with other content
        self._table.write_bytes(content)
        return lambda: self._try(kind, chance)

    def _try(self, kind: str, chance: random.Random) -> str:
        """Returns the kind of the input, and whether it was read. Raises Fault, or what nobody foresaw."""
        try:
            table = read_table(self._table)
        except UnreadableError as error:
            if isinstance(error.__cause__, MemoryError):
                raise Fault(f"{kind}: {error}") from error
            if not str(error).startswith(self._table.name) or not str(error).endswith("."):
                raise Fault(f"{kind} is not said: {error}") from error
            if chance.random() < 0.05:
                self._ask(chance, None)
            return f"{kind}, refused"
        wrong = [field.name for field in table.schema if supported_type(field.type) != field.type]
        if wrong:
            raise Fault(f"{kind}: columns of other types: {wrong}")
        self._ask(chance, table if table.num_rows == ROWS else None)
        return f"{kind}, read"

    def _ask(self, chance: random.Random, table: pa.Table | None) -> None:
        served = Served(self._logs, {"run/activis": self._blobs})
        try:
            questions = chance.sample(ROUTE_PARAMETERS, 2)
            if table is not None and table.num_columns:
                questions += [_about(chance.choice(table.column_names), chance) for _ in range(3)]
            for route, more in questions:
                status, body = served.ask(route, run="run", step=STEP, **more)
                if served.internal:
                    raise served.internal[0]
                if status not in STATUSES:
                    raise Fault(f"{route} {more} answers {status}: {body[:200]!r}")
        finally:
            served.close()


def _about(name: str, chance: random.Random) -> tuple[str, dict[str, Any]]:
    """A question about one column."""
    column = f"col({json.dumps(name)})"
    expressions = (
        f"{column} == 1",
        f"{column} > 0.5 or {column} < 0",
        f"{column} == 'ant'",
        f"'a' in {column}",
        f"1 in {column}",
        f"isnull({column})",
        f"not {column}",
        f"len({column}) > 1",
        f"matches({column}, 'a.*')",
        f"{column}.isin(['ant', 'bee'])",
        f"{column}.isin([1, 2])",
        f"{column} == label",
        f"{column} != id",
    )
    return chance.choice(
        (
            ("where", {"expression": chance.choice(expressions)}),
            ("column_statistics", {"column": name, "prefix": chance.choice(("", "a"))}),
            (
                "facets",
                {"columns": [name], "search": chance.choice(("", "a")), "expression": chance.choice(expressions)},
            ),
            ("table", {"order": name, "descending": chance.random() < 0.5}),
            ("groups", {"by": name, "layer": "head"}),
            ("export", {"order": name, "format": chance.choice(("csv", "parquet"))}),
            ("subset", {"layer": "head", "expression": chance.choice(expressions), "name": "all"}),
            ("instance", {"layer": "head", "index": chance.randrange(ROWS)}),
            ("content", {"index": chance.randrange(ROWS)}),
            ("columns", {}),
            ("table", {}),
        )
    )
