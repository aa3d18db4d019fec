"""Files and records that are damaged, gone or lie, over all routes: said with one error body, and nothing else disturbed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import werkzeug.test

from tensorboard_activis import codec, schema
from tensorboard_activis.metadata import SNAPSHOT_TAG
from tensorboard_activis.read.run import open_run
from tensorboard_activis.write.events import EventWriter
from tests.records import small_data, write_run
from tests.serve.client import Client
from tests.serve.route_parameters import ROUTE_PARAMETERS, about, ask, refused


@pytest.fixture
def logdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs whose arrays all lie in files."""
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", 0)
    write_run(tmp_path / "run1", small_data(), (3, 5))
    write_run(tmp_path / "run2", small_data(seed=1), (5,))
    return tmp_path


def arrays_of(logdir: Path) -> Path:
    return next((logdir / "run1" / "activis").glob("step-0000000005-*.safetensors"))


def table_of(logdir: Path) -> Path:
    return next((logdir / "run1" / "activis").glob("instances-*.parquet"))


def answers(client: Client, run: str) -> dict[str, werkzeug.test.TestResponse]:
    return {
        route: client.get(route, **about(parameters, run))
        for route, parameters in ROUTE_PARAMETERS.items()
        if "run" in parameters
    }


def check(client: Client, before: dict[str, werkzeug.test.TestResponse], gone: int = 422) -> dict[str, int]:
    """Statuses of run1's routes, which are answers or the one error body; run2's are what they were."""
    found = answers(client, "run1")
    for response in found.values():
        if response.status_code != 200:
            refused(response, gone, {404: "not_found", 422: "unreadable"}[gone])
    for route, response in answers(client, "run2").items():
        assert response.get_data() == before[route].get_data(), route
    assert client.get("runs").status_code == 200
    return {route: response.status_code for route, response in found.items()}


#: What needs the activations, and what the table of instances.
NEED_ARRAYS = {"matrix", "projection", "activation", "instance", "neuron", "subset"}
NEED_TABLE = {
    "columns",
    "column_statistics",
    "facets",
    "where",
    "table",
    "groups",
    "export",
    "instance",
    "neuron",
    "subset",
    "content",
    "matrix",
}


def cut(content: bytes) -> bytes:
    return content[: len(content) // 3]


def lie_about_shapes(content: bytes) -> bytes:
    assert b"[17,3]" in content
    return content.replace(b"[17,3]", b"[3,17]")


def lie_about_sizes(content: bytes) -> bytes:
    return content.replace(b"[17,3]", b"[71,3]")


def nonsense(content: bytes) -> bytes:
    return b"\xff" * len(content)


@pytest.mark.parametrize("damage", [cut, lie_about_shapes, lie_about_sizes, nonsense, lambda content: b""])
def test_files_of_arrays_that_are_damaged(logdir: Path, damage: Callable[[bytes], bytes]) -> None:
    before = answers(Client(logdir), "run2")
    path = arrays_of(logdir)
    path.write_bytes(damage(path.read_bytes()))
    statuses = check(Client(logdir), before)
    assert {statuses[route] for route in NEED_ARRAYS} == {422}
    assert statuses["snapshot"] == statuses["graph"] == statuses["strips"] == 200


def test_a_file_that_lacks_its_end_gives_what_is_whole(logdir: Path) -> None:
    before = answers(Client(logdir), "run2")
    path = arrays_of(logdir)
    path.write_bytes(path.read_bytes()[:-7])
    assert set(check(Client(logdir), before).values()) == {200, 422}


@pytest.mark.parametrize("damage", [cut, nonsense, lambda content: b"", lambda content: b"PAR1" * 9])
def test_tables_that_are_damaged(logdir: Path, damage: Callable[[bytes], bytes]) -> None:
    before = answers(Client(logdir), "run2")
    path = table_of(logdir)
    path.write_bytes(damage(path.read_bytes()))
    statuses = check(Client(logdir), before)
    assert {statuses[route] for route in NEED_TABLE} == {422}
    assert {statuses[route] for route in ("snapshot", "graph", "strips", "activation")} == {200}


@pytest.mark.parametrize("find", [arrays_of, table_of])
def test_files_that_vanish_while_they_are_read(logdir: Path, find: Callable[[Path], Path]) -> None:
    client = Client(logdir)
    before = answers(client, "run2")
    answers(client, "run1")  # everything that is kept open or in memory is now
    find(logdir).unlink()
    check(client, before)
    statuses = check(Client(logdir), before)
    assert {statuses[route] for route in (NEED_ARRAYS if find is arrays_of else NEED_TABLE)} == {422}


def test_a_run_that_vanishes(logdir: Path) -> None:
    client = Client(logdir)
    before = answers(client, "run2")
    answers(client, "run1")
    for path in (logdir / "run1" / "activis").iterdir():
        path.unlink()
    (logdir / "run1" / "activis").rmdir()
    check(client, before)
    client.reload()
    check(client, before, 404)
    assert {response.status_code for response in answers(Client(logdir), "run1").values()} == {404}


def retyped(name: str, values: pa.Array) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        return table.set_column(table.column_names.index(name), name, values)

    return change


@pytest.mark.parametrize(
    "change",
    [
        retyped("id", pa.array([None] * 17, pa.int64())),
        retyped("id", pa.array(np.arange(17.0))),
        retyped("id", pa.array([b"x"] * 17)),
        retyped("id", pa.array([[1]] * 17)),
        retyped("id", pa.array(["same"] * 17)),
        retyped("label", pa.array([b"ant"] * 17)),
        retyped("label", pa.array([["ant"]] * 17)),
        retyped("label", pa.array([{"a": 1}] * 17)),
        retyped("label", pa.array(np.full(17, np.nan))),
        retyped("label", pa.array([2**40] * 17)),
        retyped("label", pa.array([-5] * 17)),
        retyped("label", pa.array(["dog"] * 17)),
        retyped("label", pa.nulls(17)),
        retyped("image", pa.array(["text"] * 17)),
        retyped("image", pa.array([b"not a picture"] * 17)),
        retyped("image", pa.array(np.arange(17))),
        lambda table: table.append_column("score", pa.array(["high"] * 17)),
        lambda table: table.append_column("prediction", pa.array(["high"] * 17)),
        lambda table: table.append_column("when", pa.array(np.arange(17), pa.timestamp("s"))),
        lambda table: table.append_column("wide", pa.array([list(range(50))] * 17)),
        lambda table: table.append_column("label", table.column("label")),
        lambda table: table.drop_columns(["label"]),
    ],
)
def test_columns_of_the_wrong_type(logdir: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    before = answers(Client(logdir), "run2")
    path = table_of(logdir)
    pq.write_table(change(pq.read_table(path)), path)
    client = Client(logdir)
    for route, response in answers(client, "run1").items():
        assert response.status_code in (200, 400, 404, 422), route
        if response.status_code != 200:
            kinds = {400: "bad_request", 404: "not_found", 422: "unreadable"}
            refused(response, response.status_code, kinds[response.status_code])
    assert ask(client, "strips").status_code == 200
    for route, response in answers(client, "run2").items():
        assert response.get_data() == before[route].get_data(), route


# Records


def array(values: object, kind: str) -> schema.Array:
    content = np.asarray(values, kind)
    return schema.Array(kind, content.shape, content.tobytes())


def with_column(name: str, values: object, kind: str) -> Callable[[schema.Snapshot], schema.Snapshot]:
    return lambda record: replace(record, columns=dict(record.columns) | {name: array(values, kind)})


def with_summary(name: str, values: object, kind: str) -> Callable[[schema.Snapshot], schema.Snapshot]:
    def change(record: schema.Snapshot) -> schema.Snapshot:
        head = next(layer for layer in record.layers if layer.info.name == "head")
        broken = replace(head, summary=replace(head.summary, **{name: array(values, kind)}))
        return replace(record, layers=tuple(broken if layer is head else layer for layer in record.layers))

    return change


@pytest.mark.parametrize(
    "change",
    [
        with_column("score", np.zeros(3), "float32"),
        with_column("score", np.zeros((17, 2)), "float32"),
        with_column("score", np.zeros(17), "uint8"),
        with_column("correct", np.full(17, 7.5), "float64"),
        with_column("correct", np.zeros(5), "uint8"),
        with_column("prediction", np.full(17, 99), "int32"),
        with_column("prediction", np.full(17, -9), "int64"),
        with_column("prediction", np.full(17, np.nan), "float32"),
        with_column("prediction", np.zeros((17, 3)), "int32"),
        with_column("top_classes", np.zeros(17), "int32"),
        with_column("top_classes", np.full((17, 2), 99), "int32"),
        with_column("top_scores", np.zeros((4, 2)), "float32"),
        with_summary("mean", np.zeros((2, 3)), "float32"),
        with_summary("mean", np.zeros((6, 4)), "float32"),
        with_summary("std", np.full((6, 3), np.nan), "float32"),
        with_summary("count", np.zeros((6, 1)), "int64"),
        with_summary("count", np.zeros((1, 3)), "int64"),
        lambda record: replace(record, sample_size=5),
        lambda record: replace(record, seen=0),
        lambda record: replace(record, class_names=()),
        lambda record: replace(record, subsets=()),
        lambda record: replace(record, subsets=record.subsets[::-1]),
        lambda record: replace(record, instances=()),
        lambda record: replace(record, instances=("../other.parquet",)),
        lambda record: replace(record, task="nonsense"),
        lambda record: replace(record, pinned=9),
    ],
)
def test_records_that_contradict_themselves(logdir: Path, change: Callable[[schema.Snapshot], schema.Snapshot]) -> None:
    before = answers(Client(logdir), "run2")
    record = open_run(logdir / "run1").snapshot(5).record
    writer = EventWriter(logdir / "run1" / "activis", "zzz")
    writer.write_blob(SNAPSHOT_TAG, 5, codec.encode_snapshot(replace(change(record), session="zzz")), 2.0)
    writer.close()
    client = Client(logdir)
    for response in answers(client, "run1").values():
        if response.status_code != 200:
            refused(
                response,
                response.status_code,
                {400: "bad_request", 404: "not_found", 422: "unreadable"}[response.status_code],
            )
    for route, response in answers(client, "run2").items():
        assert response.get_data() == before[route].get_data(), route
