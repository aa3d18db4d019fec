"""Hunts for Parquet files that the reader should have refused."""

import random
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.read.tables import read_table
from tests.hostile import mutations


def main(inputs: int, seed: int, first: int, only: int | None) -> int:
    """Tries so many inputs; returns the exit status."""
    numbers = range(first, first + inputs) if only is None else (only,)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"id": range(100), "text": [f"text {index}" for index in range(100)]}), sink)
    good = sink.getvalue().to_pybytes()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "file.parquet"
        for number in numbers:
            path.write_bytes(mutations.any_bytes(good, random.Random(f"{seed} {number}")))
            try:
                read_table(path)
            except UnreadableError:
                pass
            except Exception:
                print(f"input {number} of seed {seed}", file=sys.stderr)
                raise
    print(f"{len(numbers):,} inputs; no fault")
    return 0
