"""Exports are read back by other libraries, and run nothing."""

import csv
import io
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tensorboard_activis.query.instances import export
from tensorboard_activis.query.instances.export import export_table, to_csv, to_parquet
from tensorboard_activis.query.instances.table import Page
from tensorboard_activis.query.limits import TooLargeError
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.records import Data


def test_both_formats_hold_the_selection(snapshot: SnapshotReader, data: Data, rank: np.ndarray) -> None:
    table = export_table(snapshot, Page(expression='label == "bee"', order="id", limit=1))
    ids = sorted(data.ids[data.labels == 1])
    assert table.column("id").to_pylist() == ids
    assert [data.ids[rank[row]] for row in table.column("row").to_pylist()] == ids
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert [int(row["id"]) for row in rows] == ids
    assert {row["label"] for row in rows} == {"bee"}
    assert "image" not in rows[0]
    again = pq.read_table(io.BytesIO(to_parquet(table)))
    assert again.column("score").to_pylist() == table.column("score").to_pylist()


def test_texts_are_no_formulas(snapshot: SnapshotReader) -> None:
    texts = ["=1+1", "+1", "-1", "@x", "\tx", "plain", 'quote " and, comma', "two\nlines", "", None]
    snapshot.__dict__["instances"] = pa.table({"id": range(10), "text": texts, "n": [float("nan"), -1.5, *[0.0] * 8]})
    snapshot.record = replace(snapshot.record, sample_size=10)
    rows = list(csv.DictReader(io.StringIO(to_csv(export_table(snapshot, Page())), newline="")))
    assert [row["text"] for row in rows][:5] == ["'=1+1", "'+1", "'-1", "'@x", "'\tx"]
    assert [row["text"] for row in rows][5:] == ["plain", 'quote " and, comma', "two\nlines", "", ""]
    assert [row["n"] for row in rows][:2] == ["", "-1.5"]


def test_too_many(snapshot: SnapshotReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MAX_ROWS", 16)
    with pytest.raises(TooLargeError, match="these are 17"):
        export_table(snapshot, Page())
