"""Columns of times, all the way: logged, kept, compared, counted, sorted, shown and exported."""

import io
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tensorboard_activis
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.distributed.serialization import deserialize, serialize
from tensorboard_activis.capture.instances.user_columns import arrow
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.column_kinds import TIME, column_kind
from tensorboard_activis.errors import ActiVisError, ExpressionError, QueryError
from tensorboard_activis.expression.predicate import compile_expression
from tensorboard_activis.query.describe import describe_snapshot
from tensorboard_activis.query.instances.column_statistics import TimeStatistics, column_statistics
from tensorboard_activis.query.instances.columns import _seconds, columns
from tensorboard_activis.query.instances.export import export_table, to_csv, to_parquet
from tensorboard_activis.query.instances.groups import groups
from tensorboard_activis.query.instances.table import Page, table_page
from tensorboard_activis.query.snapshot import Snapshot
from tests.records import CLASSES, small_data, small_graph, small_layers

COUNT = 17
START = datetime(2024, 4, 30, 22, 30, tzinfo=UTC)
MOMENTS = [START + timedelta(hours=7 * i) if i % 5 else None for i in range(COUNT)]


def logged(directory: Path, values: Any) -> Snapshot:
    data = small_data()
    recorder = Recorder(
        directory,
        small_graph(),
        small_layers(),
        class_names=CLASSES,
        strict=True,
        subsets={"early": 'taken < "2024-05-02"'},
    )
    with recorder.guard(1), recorder.snapshot(1) as evaluation:
        for start in range(0, COUNT, 7):
            rows = slice(start, start + 7)
            evaluation.add(
                BatchRecord(
                    {name: each[rows] for name, each in data.activations.items()},
                    inputs=data.images[rows],
                    labels=data.labels[rows],
                    outputs=data.logits[rows],
                    ids=data.ids[rows].tolist(),
                    channels="first",
                    columns={"taken": values[rows]},
                )
            )
    recorder.close()
    return tensorboard_activis.open_run(directory).latest


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    return logged(tmp_path, MOMENTS)


def moments(snapshot: Snapshot) -> list[datetime | None]:
    """Of the kept instances, as they were given."""
    order = np.argsort([small_data().ids.tolist().index(each) for each in snapshot.instances["id"].to_pylist()])
    values = snapshot.instances["taken"].to_pylist()
    return [values[row] for row in order]


EAST = timezone(timedelta(hours=2))
NAIVE = [None if each is None else each.replace(tzinfo=None) for each in MOMENTS]


@pytest.mark.parametrize(
    "values",
    [
        MOMENTS,
        NAIVE,  # without a zone: taken for UTC
        [None if each is None else each.astimezone(EAST) for each in MOMENTS],
        np.array(NAIVE, "datetime64[s]"),
        np.array(NAIVE, "datetime64[ns]"),
        pa.array(NAIVE, pa.timestamp("ms")),
        pa.array(MOMENTS, pa.timestamp("ns", tz="Asia/Tokyo")),  # what pandas hands over
    ],
    ids=["aware", "naive", "another zone", "datetime64[s]", "datetime64[ns]", "arrow", "arrow with a zone"],
)
def test_any_way_to_write_a_moment(tmp_path: Path, values: Any) -> None:
    snapshot = logged(tmp_path, values)
    assert snapshot.instances.schema.field("taken").type == TIME
    assert moments(snapshot) == MOMENTS


def test_the_first_batch_may_have_none(tmp_path: Path) -> None:
    values = [None] * 7 + MOMENTS[7:]
    snapshot = logged(tmp_path, values)
    assert snapshot.instances.schema.field("taken").type == TIME
    assert moments(snapshot) == values


def test_they_are_sent_to_other_processes() -> None:
    """Beside a batch of nothing but None, numpy makes objects of them."""
    values = np.concatenate([np.full(2, None, object), np.array(NAIVE[1:4], "datetime64[us]")])
    sent = deserialize(b"".join(serialize(values)))
    assert arrow(sent).to_pylist() == [None, None, *MOMENTS[1:4]]


def test_days_are_their_first_moments(tmp_path: Path) -> None:
    snapshot = logged(tmp_path, [date(2024, 5, 1)] * COUNT)
    assert set(moments(snapshot)) == {datetime(2024, 5, 1, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([datetime(2024, 5, 1)] * (COUNT - 1) + ["yesterday"], "taken"),
        (np.full(COUNT, np.datetime64("20000-01-01", "s")), "outside of the years 1 to 9999"),
    ],
)
def test_what_is_no_time_is_said(tmp_path: Path, values: Any, said: str) -> None:
    with pytest.raises(ActiVisError, match=said):
        logged(tmp_path, values)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('taken > "2024-05-01"', lambda each: each > datetime(2024, 5, 1, tzinfo=UTC)),
        ('taken <= "2024-05-01T12:30+02:00"', lambda each: each <= datetime(2024, 5, 1, 10, 30, tzinfo=UTC)),
        ('"2024-05-01" <= taken < "2024-05-02 00:00"', lambda each: each.date() == date(2024, 5, 1)),
        ('taken in ["2024-05-01T05:30", "1999-12-31"]', lambda each: each == datetime(2024, 5, 1, 5, 30, tzinfo=UTC)),
        ('taken != "2024-05-01T05:30"', lambda each: each != datetime(2024, 5, 1, 5, 30, tzinfo=UTC)),
        ("not isnull(taken)", lambda each: True),
    ],
)
def test_expressions(snapshot: Snapshot, expression: str, expected: Any) -> None:
    values = snapshot.instances["taken"].to_pylist()
    assert snapshot.where(expression).tolist() == [each is not None and bool(expected(each)) for each in values]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_times_that_others_wrote(unit: str, zone: str | None) -> None:
    column = pa.array(NAIVE, pa.timestamp("us")).cast(pa.timestamp(unit)).cast(pa.timestamp(unit, tz=zone))
    table = pa.table({"taken": column})
    mask = compile_expression('taken > "2024-05-02"', {"taken": column.type}).mask(table)
    assert mask.tolist() == [each is not None and each > datetime(2024, 5, 2, tzinfo=UTC) for each in MOMENTS]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ('taken > "May"', '"May" is no time: write "2024-05-01"'),
        ("taken > 2024", "taken is a time and 2024 a number.*Write a time in quotes"),
        ('"2024" in taken', "taken is a time, where a text is needed"),
        ('taken == "0001-01-01T00:00+14:00"', "is no time"),
        ("taken > score", "taken is a time and score a number"),
    ],
)
def test_mistakes_in_expressions(snapshot: Snapshot, expression: str, said: str) -> None:
    with pytest.raises(ExpressionError, match=said):
        snapshot.where(expression)


def test_a_declared_subset_counts_as_instances_stream(snapshot: Snapshot) -> None:
    (early,) = [one for one in snapshot.record.subsets if one.name == "early"]
    assert early.count == sum(each is not None and each < datetime(2024, 5, 2, tzinfo=UTC) for each in MOMENTS) > 0


def test_statistics(snapshot: Snapshot) -> None:
    (found,) = column_statistics(snapshot, "taken")
    known = sorted(each for each in MOMENTS if each is not None)
    assert isinstance(found, TimeStatistics)
    assert (found.missing, found.type) == (4, "time")
    assert (found.min, found.max) == ("2024-05-01T05:30:00Z", known[-1].isoformat().replace("+00:00", "Z"))
    assert list(found.quantiles) == sorted(found.quantiles)
    assert found.quantiles[2] == known[6].isoformat().replace("+00:00", "Z")


def test_nothing_but_missing_times() -> None:
    table = type("Table", (), {"instances": pa.table({"t": pa.array([None, None], TIME)})})
    assert column_statistics(table, "t") == [TimeStatistics("t", 2, None, None, ())]  # type: ignore[arg-type]


def test_columns_to_colour_by_keep_the_second(snapshot: Snapshot) -> None:
    found = columns(snapshot)
    first = min(each for each in MOMENTS if each is not None)
    values = snapshot.instances["taken"].to_pylist()
    assert found.times == {"taken": first.isoformat().replace("+00:00", "Z")}
    expected = [np.nan if each is None else (each - first).total_seconds() for each in values]
    np.testing.assert_array_equal(found.user["taken"], np.array(expected, np.float32))


def test_table_order_and_files(snapshot: Snapshot) -> None:
    (info,) = [one for one in describe_snapshot(snapshot, "run").columns if one.name == "taken"]
    assert info.type == "time"
    page = table_page(snapshot, Page(order="taken", descending=True))
    known = sorted((each for each in MOMENTS if each is not None), reverse=True)
    shown = [None if each is None else each.isoformat().replace("+00:00", "Z") for each in [*known, *[None] * 4]]
    assert [row["taken"] for row in page.rows] == shown
    exported = export_table(snapshot, Page(order="taken"))
    assert "2024-05-01T05:30:00Z" in to_csv(exported).splitlines()[1]
    assert pq.read_table(io.BytesIO(to_parquet(exported)))["taken"].to_pylist() == [*known[::-1], *[None] * 4]
    with pytest.raises(QueryError, match="cannot be grouped"):
        groups(snapshot, "taken")


def test_every_type_of_time_is_of_one_kind() -> None:
    for kind in (pa.timestamp("s"), pa.timestamp("ns", tz="UTC"), pa.date32()):
        assert column_kind(kind) == "time"


def test_times_that_are_centuries_apart_are_seconds() -> None:
    """More microseconds than a float64 holds exactly."""
    times = pa.chunked_array([pa.array([datetime(1, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)], TIME)])
    values, first = _seconds(times)
    assert values.tolist() == [0.0, np.float32((datetime(9000, 1, 1) - datetime(1, 1, 1)).total_seconds())]
    assert first.startswith("0001-01-01")
