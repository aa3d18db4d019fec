"""Bad questions over all routes: the right status and the one error body."""

from collections.abc import Callable

import pytest

from tests.records import small_data, write_run
from tests.serve.client import Client
from tests.serve.route_parameters import AT, ROUTE_PARAMETERS, ROWS, ask, refused

OF_SNAPSHOTS = [route for route in ROUTE_PARAMETERS if "step" in ROUTE_PARAMETERS[route]]
OF_LAYERS = [route for route in ROUTE_PARAMETERS if "layer" in ROUTE_PARAMETERS[route]]
#: Where an expression may stand.
OF_EXPRESSIONS: dict[str, Callable[[str], dict]] = {
    "where": lambda text: AT | {"expression": text},
    "table": lambda text: AT | {"expression": text},
    "export": lambda text: AT | {"expression": text},
    "groups": lambda text: AT | {"expression": text},
    "matrix": lambda text: AT | {"layer": "head", "rows": [{"expression": text}]},
    "neuron": lambda text: AT | {"layer": "head", "neuron": 0, "rows": [{"expression": text}]},
    "subset": lambda text: AT | {"layer": "head", "row": {"expression": text}},
}


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


@pytest.mark.parametrize("route", ROUTE_PARAMETERS)
def test_parameters_that_are_missing(client: Client, route: str) -> None:
    for name in ROUTE_PARAMETERS[route]:
        rest = {key: value for key, value in ROUTE_PARAMETERS[route].items() if key != name}
        response = client.get(route, **rest)
        message = refused(response, 400, "bad_request")["message"]
        assert name in message


@pytest.mark.parametrize(
    ("route", "other", "status"),
    [
        ("instance", {"index": 17}, 404),
        ("instance", {"index": -1}, 404),
        ("instance", {"id": "nobody"}, 404),
        ("content", {"index": 17}, 404),
        ("content", {"id": 99}, 404),
        ("activation", {"neuron": 3}, 404),
        ("activation", {"neuron": -1}, 404),
        ("neuron", {"neuron": 3}, 404),
        ("neuron", {"rows": []}, 400),
        ("neuron", {"rows": [{"subset": "all", "instance": 1}]}, 400),
        ("neuron", {"prefix": -1}, 400),
        ("history", {"neuron": 3}, 404),
        ("history", {"most": 1}, 400),
        ("history", {"statistic": "mode"}, 400),
        ("history", {"rows": [{"subset": "gone"}]}, 404),
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
        ("table", {"indices": [17]}, 404),
        ("table", {"indices": {"0": 1}}, 400),
        ("table", {"order": "gone"}, 404),
        ("table", {"order": "image"}, 400),
        ("table", {"offset": -1}, 400),
        ("table", {"limit": 1_001}, 400),
        ("table", {"descending": "maybe"}, 400),
        ("groups", {"by": "gone"}, 404),
        ("groups", {"by": "score"}, 400),
        ("export", {"format": "xlsx"}, 400),
        ("export", {"indices": [0, 17]}, 404),
        ("column_statistics", {"column": "gone"}, 404),
        ("column_statistics", {"column": "image"}, 400),
        ("column_statistics", {"limit": -1}, 400),
        ("facets", {"columns": ["gone"]}, 404),
        ("facets", {"columns": ["image"]}, 400),
        ("facets", {"columns": "label"}, 400),
        ("facets", {"columns": [1]}, 400),
        ("facets", {"columns": ["label"] * 13}, 400),
        ("facets", {"limit": 1_001}, 400),
        ("facets", {"expression": "lable == 3"}, 400),
        ("projection", {"method": "umap"}, 400),
        ("projection", {"like": {"run": "gone", "step": 5}}, 404),
        ("projection", {"like": {"run": 5, "step": 5}}, 400),
        ("movement", {"other": None}, 400),
        ("movement", {"other": {"run": "gone", "step": 5}}, 404),
        ("movement", {"other": {"run": "run1", "step": 6}}, 404),
        ("movement", {"other": {"run": "run1"}}, 400),
        ("movement", {"other": ["run1", 5]}, 400),
        ("instance", {"against": "gone"}, 400),
        ("evidence", {"kind": "gone"}, 400),
        ("evidence", {"kind": "failing-slice"}, 400),
        ("evidence", {"kind": "failing-slice", "subset": "lable == 3"}, 400),
        ("evidence", {"kind": "shortcut", "subset": "correct"}, 400),
        ("evidence", {"kind": "shortcut", "subset": "correct", "target": "gone"}, 404),
        ("evidence", {"kind": "decodable"}, 400),
        ("evidence", {"kind": "decodable", "target": "gone"}, 404),
    ],
)
def test_questions_beyond_the_data(client: Client, route: str, other: dict, status: int) -> None:
    refused(ask(client, route, **other), status, {400: "bad_request", 404: "not_found", 413: "too_large"}[status])


def test_a_layout_is_started_or_cancelled_and_nothing_else(client: Client) -> None:
    response = client.post("projection", method="tsne", action="perhaps", layer="head", **AT)
    assert "start or cancel" in refused(response, 400, "bad_request")["message"]


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


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("layers", '"head"', "layers must be a list of names"),
        ("layers", "[1]", "layers must be a list of names"),
        ("layers", "[", "layers"),
        ("limit", "0", "limit must be at least 1; got 0."),
        ("limit", "many", "limit must be a whole number"),
        ("rows", '[{"subset": "all"}]', "at least two"),
    ],
)
def test_separation_of_what_cannot_be(client: Client, parameter: str, value: str, message: str) -> None:
    assert message in refused(ask(client, "separation", **{parameter: value}), 400, "bad_request")["message"]


def test_separation_of_a_layer_that_does_not_exist(client: Client) -> None:
    assert "gone" in refused(ask(client, "separation", layers='["gone"]'), 404, "not_found")["message"]
