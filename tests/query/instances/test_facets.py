"""Facets against numpy and plain counting."""

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tensorboard_activis.errors import ExpressionError, NotFoundError, QueryError
from tensorboard_activis.query.instances.facets import (
    MAX_BINS,
    MAX_COLUMNS,
    NumberFacet,
    TimeFacet,
    ValueFacet,
    bin_edges,
    facet_names,
    facets,
)
from tensorboard_activis.read.run import open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.records import CLASSES, small_data, write_run

MANY = 400
DAY = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def columns() -> dict[str, list[Any]]:
    """User columns of every kind, by instance."""
    random = np.random.default_rng(3)
    return {
        "ink": [None if index % 40 == 0 else float(value) for index, value in enumerate(random.normal(size=MANY))],
        "length": random.integers(3, 500, MANY).tolist(),
        "stars": random.integers(1, 6, MANY).tolist(),
        "site": [["A", "B", "b", None][index] for index in random.integers(0, 4, MANY)],
        "name": [f"file {index}.png" for index in range(MANY)],
        "taken": [None if index % 50 == 0 else DAY + timedelta(minutes=17 * index) for index in range(MANY)],
        "fine": [None if index % 7 == 0 else index % 3 == 0 for index in range(MANY)],
    }


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory, columns: dict[str, list[Any]]) -> SnapshotReader:
    """400 instances with user columns, of which three are pinned."""
    path = tmp_path_factory.mktemp("facets")
    write_run(path, small_data(MANY), (1,), columns=columns, pinned=[100, 101, 102], sample=300)
    return open_run(path).snapshot(1)


def facet(snapshot: SnapshotReader, name: str, expression: str | None = None, **other: Any) -> Any:
    (found,) = facets(snapshot, expression, [name], **other).columns
    return found


def listed(found: Any) -> dict[Any, tuple[int, int]]:
    assert isinstance(found, ValueFacet)
    return {one.value: (one.count, one.matching) for one in found.values}


def of(snapshot: SnapshotReader, name: str) -> list[Any]:
    """A column of the sample, by Arrow alone."""
    values: list[Any] = snapshot.instances.slice(0, 300)[name].to_pylist()
    return values


def test_all_columns_in_one_answer(wide: SnapshotReader) -> None:
    found = facets(wide, "score < 0.7")
    assert found.names == (
        *("label", "prediction", "correct", "score", "loss"),
        *("ink", "length", "stars", "site", "name", "taken", "fine", "label_score"),
    )
    assert [one.name for one in found.columns] == list(found.names[:8])
    score = np.array(of(wide, "score"))
    assert (found.count, found.sample_size) == (np.count_nonzero(score < 0.7), 300)
    assert facets(wide).count == 300
    assert facets(wide, columns=[]).columns == ()


@pytest.mark.parametrize("name", ["score", "loss", "ink", "length", "label_score"])
@pytest.mark.parametrize("expression", [None, "score < 0.7", "not correct and length > 100", "score > 2"])
def test_histograms(wide: SnapshotReader, name: str, expression: str | None) -> None:
    found = facet(wide, name, expression)
    assert isinstance(found, NumberFacet)
    values = np.array([np.nan if value is None else value for value in of(wide, name)], float)
    mask = wide.where(expression)[:300] if expression else np.full(300, True)
    assert found.missing == np.isnan(values).sum()
    edges = np.array(found.edges)
    assert 2 <= len(found.counts) <= MAX_BINS
    outer = np.r_[-np.inf, edges[1:-1], np.inf]
    for counts, chosen in ((found.counts, ~np.isnan(values)), (found.matching, mask & ~np.isnan(values))):
        expected = [int(((values >= low) & (values < high) & chosen).sum()) for low, high in itertools.pairwise(outer)]
        assert list(counts) == expected
    assert (found.below, found.above) == (np.nanmin(values) < edges[0], np.nanmax(values) > edges[-1])
    # What a bin holds is what the expression of it is true for.
    for low, high, count in list(zip(edges, edges[1:], found.counts, strict=False))[1:-1]:
        assert (
            wide.where(f"{low!r} <= {name} < {high!r}".replace("np.float64(", "").replace(")", ""))[:300].sum() == count
        )


@pytest.mark.parametrize("expression", [None, "correct", "stars > 3"])
def test_values(wide: SnapshotReader, expression: str | None) -> None:
    mask = wide.where(expression)[:300] if expression else np.full(300, True)
    names = np.array(CLASSES)
    for name, kind in (("label", "category"), ("site", "text"), ("stars", "number"), ("fine", "boolean")):
        found = facet(wide, name, expression)
        assert (found.kind, found.missing) == (kind, of(wide, name).count(None))
        every = Counter(value for value in of(wide, name) if value is not None)
        some = Counter(
            value for value, inside in zip(of(wide, name), mask, strict=True) if inside and value is not None
        )
        assert listed(found) == {value: (count, some[value]) for value, count in every.items()}
        assert found.distinct == len(every)
    assert set(listed(facet(wide, "label"))) == set(names)
    assert [one.value for one in facet(wide, "stars").values] == [1, 2, 3, 4, 5]
    counts = [one.count for one in facet(wide, "site").values]
    assert counts == sorted(counts, reverse=True)


def test_predictions_are_values(wide: SnapshotReader) -> None:
    found = facet(wide, "prediction", "correct")
    assert sum(count for count, _ in listed(found).values()) == 300
    assert sum(few for _, few in listed(found).values()) == np.count_nonzero(of(wide, "correct"))


def test_a_value_per_instance_is_searched(wide: SnapshotReader) -> None:
    found = facet(wide, "name", limit=3)
    assert (found.distinct, len(found.values)) == (300, 3)
    wanted = [value for value in of(wide, "name") if "E 39" in value.upper()]
    assert sorted(listed(facet(wide, "name", search="E 39"))) == sorted(wanted)
    assert listed(facet(wide, "name", search="E 39", limit=0)) == {}
    assert listed(facet(wide, "site", search="b")).keys() == {"B", "b"}


def test_times(wide: SnapshotReader) -> None:
    found = facet(wide, "taken", "correct")
    assert isinstance(found, TimeFacet)
    assert 2 <= len(found.counts) <= MAX_BINS
    edges = [datetime.fromisoformat(edge) for edge in found.edges]
    assert len({end - start for start, end in itertools.pairwise(edges)}) == 1
    times = of(wide, "taken")
    assert found.missing == times.count(None)
    correct = of(wide, "correct")
    for start, end, count, few in zip(edges, edges[1:], found.counts, found.matching, strict=False):
        inside = [each is not None and start <= each < end for each in times]
        assert (count, few) == (sum(inside), sum(a and b for a, b in zip(inside, correct, strict=True)))


def test_lists(tmp_path: Path) -> None:
    table = pa.table({"tags": [["a", "b"], ["a", "a"], [], None, ["b"]]})
    assert facet_names(table) == ("tags",)
    found = facet(Few(table), "tags")  # type: ignore[arg-type]
    assert (found.kind, found.missing, found.distinct) == ("list", 1, 2)
    assert listed(found) == {"a": (2, 2), "b": (2, 2)}


class Few:
    """What facets without an expression need of a snapshot."""

    def __init__(self, table: pa.Table) -> None:
        self.instances = table
        self.record = type("Record", (), {"sample_size": table.num_rows, "class_names": (), "columns": {}})
        self.computed: dict = {}


@pytest.mark.parametrize(
    "values",
    [
        [0.0, 1.0],
        [0.1, 0.3, 0.7],
        [-3e-9, 4e-9],
        [5.0, 5.0],
        [0.0],
        [-2.0],
        [1e20, 1e20 + 1e5],
        [1e308, -1e308],
        [1e9, 1e9 + 1e-7],
        [*np.linspace(0, 1, 500), 1e6],
        [*np.linspace(0, 1, 500), -1e6],
    ],
)
def test_edges(values: list[float]) -> None:
    edges = bin_edges(np.array(values))
    assert 2 <= len(edges) <= MAX_BINS + 1
    assert np.isfinite(edges).all()
    assert (np.diff(edges) > 0).all()


def test_edges_read_well() -> None:
    assert bin_edges(np.array([0.0, 1.0])).tolist() == [round(0.05 * i, 2) for i in range(21)]
    assert bin_edges(np.array([3, 17, 28]), whole=True).tolist() == list(range(3, 29))
    # One value far away does not squeeze the others.
    assert bin_edges(np.array([*np.linspace(0, 1, 500), 1e6]))[-1] <= 1.1


def test_infinities_are_in_the_outer_bins() -> None:
    table = pa.table({"x": [float("-inf"), 0.0, 0.5, 1.0, float("inf"), float("nan"), None]})
    found = facet(Few(table), "x")  # type: ignore[arg-type]
    assert (found.missing, sum(found.counts), found.below, found.above) == (2, 5, True, True)
    assert (found.counts[0], found.counts[-1]) == (2, 2)
    nothing = facet(Few(pa.table({"x": [float("nan"), None]})), "x")  # type: ignore[arg-type]
    assert (nothing.missing, nothing.edges, nothing.counts) == (2, (), ())


def test_what_cannot_be_asked_for(wide: SnapshotReader) -> None:
    with pytest.raises(NotFoundError, match="no column 'gone'. There are: label, prediction"):
        facets(wide, columns=["gone"])
    with pytest.raises(QueryError, match="'id' has no facet"):
        facets(wide, columns=["id"])
    with pytest.raises(QueryError, match=f"at most {MAX_COLUMNS} columns; got 13"):
        facets(wide, columns=["label"] * 13)
    with pytest.raises(QueryError, match="0 to 1,000; got -1"):
        facets(wide, limit=-1)
    with pytest.raises(ExpressionError, match="no column lable"):
        facets(wide, "lable == 3")
