"""Bad questions and bad files, over all routes: the right status, the one error body, and nothing else disturbed."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import werkzeug.test

from tests.records import small_data, write_run
from tests.serve.client import Client
from tests.serve.questions import AT, QUESTIONS, ROWS

OF_SNAPSHOTS = [route for route in QUESTIONS if "step" in QUESTIONS[route]]
OF_LAYERS = [route for route in QUESTIONS if "layer" in QUESTIONS[route]]
#: Where an expression may stand.
OF_EXPRESSIONS: dict[str, Callable[[str], dict]] = {
    "where": lambda text: AT | {"expression": text},
    "table": lambda text: AT | {"expression": text},
    "export": lambda text: AT | {"expression": text},
    "matrix": lambda text: AT | {"layer": "head", "rows": [{"expression": text}]},
    "neuron": lambda text: AT | {"layer": "head", "neuron": 0, "rows": [{"expression": text}]},
    "subset": lambda text: AT | {"layer": "head", "row": {"expression": text}},
}


def refused(response: werkzeug.test.TestResponse, status: int, kind: str) -> dict:
    """The error of an answer that must be one."""
    body = json.loads(response.get_data())
    assert (response.status_code, body["error"]["kind"]) == (status, kind), body
    assert response.content_type == "application/json"
    assert set(body) == {"error"}
    assert set(body["error"]) <= {"kind", "message", "position"}
    assert len(body["error"]["message"]) < 1_000
    error: dict = body["error"]
    return error


def ask(client: Client, route: str, **other: object) -> werkzeug.test.TestResponse:
    return client.get(route, **QUESTIONS[route] | other)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Client:
    path = tmp_path_factory.mktemp("logs")
    write_run(path / "run1", small_data(), (3, 5))
    return Client(path)


@pytest.mark.parametrize("route", ["graph", *OF_SNAPSHOTS])
@pytest.mark.parametrize("run", ["gone", "", "../run1", "run1/activis/../..", "\0", "run1\n", "/", "x" * 5_000])
def test_runs_that_do_not_exist(client: Client, route: str, run: str) -> None:
    refused(ask(client, route, run=run), 404, "not_found")


@pytest.mark.parametrize("route", OF_SNAPSHOTS)
def test_steps_that_do_not_exist(client: Client, route: str) -> None:
    assert "There are: 3, 5." in refused(ask(client, route, step=4), 404, "not_found")["message"]
    for wrong in ("", "five", "1e3", "5.0", "9" * 30):
        refused(ask(client, route, step=wrong), 400, "bad_request")


@pytest.mark.parametrize("route", OF_LAYERS)
@pytest.mark.parametrize("layer", ["gone", "", "../head", "head\0", "head[0]", "h" * 5_000])
def test_layers_that_do_not_exist(client: Client, route: str, layer: str) -> None:
    refused(ask(client, route, layer=layer), 404, "not_found")


@pytest.mark.parametrize("route", QUESTIONS)
def test_parameters_that_are_missing(client: Client, route: str) -> None:
    for name in QUESTIONS[route]:
        rest = {key: value for key, value in QUESTIONS[route].items() if key != name}
        response = client.get(route, **rest)
        message = refused(response, 400, "bad_request")["message"]
        assert name in message


@pytest.mark.parametrize(
    ("route", "other", "status"),
    [
        ("instance", {"row": 17}, 404),
        ("instance", {"row": -1}, 404),
        ("instance", {"id": "nobody"}, 404),
        ("content", {"row": 17}, 404),
        ("content", {"id": 99}, 404),
        ("activation", {"neuron": 3}, 404),
        ("activation", {"neuron": -1}, 404),
        ("neuron", {"neuron": 3}, 404),
        ("neuron", {"rows": []}, 400),
        ("neuron", {"rows": [{"subset": "all", "instance": 1}]}, 400),
        ("neuron", {"prefix": -1}, 400),
        ("matrix", {"rows": [{"subset": "gone"}]}, 404),
        ("matrix", {"rows": [{"instance": 17}]}, 404),
        ("matrix", {"rows": [{"instance": True}]}, 400),
        ("matrix", {"rows": [{"subset": None}]}, 400),
        ("matrix", {"rows": "[" * 100_000}, 400),
        ("matrix", {"rows": [ROWS[0]] * 1_001}, 413),
        ("matrix", {"sort": {"by": "row", "a": 2}}, 400),
        ("matrix", {"sort": [1]}, 400),
        ("subset", {"row": {"subset": "gone"}}, 404),
        ("subset", {"row": {"instance": 3}}, 400),
        ("subset", {"row": ROWS}, 400),
        ("table", {"rows": [17]}, 404),
        ("table", {"rows": {"0": 1}}, 400),
        ("table", {"order": "gone"}, 404),
        ("table", {"order": "image"}, 400),
        ("table", {"offset": -1}, 400),
        ("table", {"limit": 1_001}, 400),
        ("table", {"descending": "maybe"}, 400),
        ("export", {"format": "xlsx"}, 400),
        ("export", {"rows": [0, 17]}, 404),
        ("column_statistics", {"column": "gone"}, 404),
        ("column_statistics", {"column": "image"}, 400),
        ("column_statistics", {"limit": -1}, 400),
        ("projection", {"method": "umap"}, 400),
        ("projection", {"like": {"run": "gone", "step": 5}}, 404),
        ("projection", {"like": {"run": 5, "step": 5}}, 400),
        ("projection", {"cancel": "perhaps"}, 400),
    ],
)
def test_questions_beyond_the_data(client: Client, route: str, other: dict, status: int) -> None:
    refused(ask(client, route, **other), status, {400: "bad_request", 404: "not_found", 413: "too_large"}[status])


@pytest.mark.parametrize("route", OF_EXPRESSIONS)
@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "label.__class__",
        "().__class__.__mro__",
        "label.format(1)",
        "exec('1')",
        "open('/etc/passwd')",
        "(lambda: 1)()",
        "[x for x in label]",
        "score <",
        "lable == 3",
        "score == 'high'",
        "score & correct",
        "(" * 5_000 + "1" + ")" * 5_000,
        "not " * 4_000 + "correct",
        "score in [" + "1, " * 20_000 + "]",
        "x" * 10_000,
        'matches(label, "(a{999}){999}")',
        'matches(label, "(?=a)")',
        "neuron('head', 3) > 0",
        "neuron('gone', 0) > 0",
        "score == '\x00",
    ],
)
def test_expressions_that_are_wrong_or_hostile(client: Client, route: str, text: str) -> None:
    response = client.post(route, **OF_EXPRESSIONS[route](text))
    error = refused(response, 400, "bad_request")
    assert 0 <= error["position"] <= len(text)


@pytest.mark.parametrize("route", OF_EXPRESSIONS)
def test_expressions_without_a_result(client: Client, route: str) -> None:
    response = client.get(route, **OF_EXPRESSIONS[route]("score > 2"))
    assert response.status_code == 200, response.get_data(as_text=True)


def test_a_catastrophic_pattern_is_none(client: Client) -> None:
    assert client.numbers("where", **AT, expression='matches(label, "^(a+)+$")')[1]["count"] == 0


# Files


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
    return {route: ask(client, route, run=run) for route in QUESTIONS if "run" in QUESTIONS[route]}


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
    "where",
    "table",
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
