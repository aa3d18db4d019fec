"""What all routes have in common: names of answers, compression, the time limit."""

import dataclasses
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.query.limits import TooLargeError, check_time, time_limit
from tests.records import small_data, write_run
from tests.serve.client import Client
from tests.serve.route_parameters import AT, ROUTE_PARAMETERS


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("logs")
    write_run(path / "run1", small_data(), (3, 5))
    return path


@pytest.fixture(scope="module")
def client(logdir: Path) -> Client:
    return Client(logdir)


def test_the_table_of_questions_is_whole(client: Client) -> None:
    assert set(ROUTE_PARAMETERS) == client.routes()


@pytest.mark.parametrize("route", ROUTE_PARAMETERS)
def test_an_answer_that_the_client_has_is_not_sent_again(client: Client, logdir: Path, route: str) -> None:
    first = client.get(route, **ROUTE_PARAMETERS[route])
    assert first.status_code == 200
    name = first.headers["ETag"]
    again = Client(logdir).get(
        route, headers={"If-None-Match": name}, **ROUTE_PARAMETERS[route]
    )  # another TensorBoard, too
    assert (again.status_code, again.get_data(), again.headers["ETag"]) == (304, b"", name)
    other = client.get(route, headers={"If-None-Match": '"another"'}, **ROUTE_PARAMETERS[route])
    assert (other.status_code, other.get_data()) == (200, first.get_data())


def test_what_changes_has_another_name(tmp_path: Path) -> None:
    write_run(tmp_path / "run1", small_data(), (5,))
    client = Client(tmp_path)
    names = {
        route: client.get(route, **ROUTE_PARAMETERS[route]).headers["ETag"] for route in ("runs", "history", "matrix")
    }
    write_run(tmp_path / "run1", small_data(), (6,))
    client.reload()
    after = {route: client.get(route, **ROUTE_PARAMETERS[route]).headers["ETag"] for route in names}
    assert {route for route in names if after[route] != names[route]} == {"runs", "history"}  # which shows all steps
    assert (
        client.get("matrix", **ROUTE_PARAMETERS["matrix"] | {"layer": "stem/relu"}).headers["ETag"] != after["matrix"]
    )


def test_numbers_are_compressed_when_it_pays_and_is_accepted(tmp_path: Path) -> None:
    data = small_data(1500)
    write_run(tmp_path / "run1", dataclasses.replace(data, images=data.images[:, :, :2, :2]), (5,), sample=None)
    client = Client(tmp_path)
    question = AT | {"expression": "sampled(1)"}
    plain = client.get("where", **question)
    small = client.get("where", headers={"Accept-Encoding": "gzip"}, **question)
    assert "Content-Encoding" not in plain.headers
    assert small.headers["Content-Encoding"] == "gzip"
    assert len(small.get_data()) < len(plain.get_data()) * 0.6
    assert gzip.decompress(small.get_data()) == plain.get_data()
    noise = client.get("activation", headers={"Accept-Encoding": "gzip"}, **AT, layer="head", neuron=0)
    assert "Content-Encoding" not in noise.headers


@pytest.mark.parametrize("route", ["matrix", "instance", "neuron", "subset", "column_statistics"])
def test_a_request_that_takes_too_long_is_ended_and_says_the_limit(
    client: Client, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    monkeypatch.setattr("tensorboard_activis.serve.routes.TIME_LIMIT", -1)
    status, error = client.error(route, **ROUTE_PARAMETERS[route])
    assert (status, error["kind"]) == (413, "too_large")
    assert "longer than -1 seconds, the limit of one request" in error["message"]
    monkeypatch.undo()
    assert client.get(route, **ROUTE_PARAMETERS[route]).status_code == 200


@pytest.mark.parametrize(
    ("route", "name", "limit", "said"),
    [
        ("matrix", "query.matrix.matrix.MAX_CELLS", 5, "A matrix can have 5 cells; 2 rows of 3 neurons are more"),
        ("matrix", "query.matrix.rows.MAX_ROWS", 1, "At most 1 rows can be asked for at once; got 2"),
        ("export", "query.instances.export.MAX_ROWS", 16, "A table can have 16 instances; these are 17"),
        ("matrix", "serve.parameters.MAX_BODY", 50, "may have at most 50 bytes"),
    ],
)
def test_limits_of_size_are_said(
    client: Client, monkeypatch: pytest.MonkeyPatch, route: str, name: str, limit: int, said: str
) -> None:
    monkeypatch.setattr(f"tensorboard_activis.{name}", limit)
    response = client.post(route, **ROUTE_PARAMETERS[route])
    assert response.status_code == 413
    error = json.loads(response.get_data())["error"]
    assert error["kind"] == "too_large"
    assert said in error["message"]


def test_the_limit_is_of_one_request_alone() -> None:
    with time_limit(60):
        with time_limit(-1), pytest.raises(TooLargeError):
            check_time()
        check_time()
    check_time()


def test_windows_and_cells(client: Client) -> None:
    question = AT | {"layer": "stem/relu", "rows": [{"subset": "ant"}, {"subset": "bee"}]}
    question |= {"sort": {"by": "difference", "a": 0, "b": 1}}
    whole, _ = client.numbers("matrix", **question)
    shown = whole["order"][1:4]
    window, _ = client.numbers("matrix", **question, window=[1, 4])
    assert np.array_equal(window["order"], whole["order"])
    for name in ("mean", "std", "max", "active", "error"):
        assert np.array_equal(window[name], whole[name][:, shown])
    assert np.array_equal(window["effect"], whole["effect"][shown])
    drawn, metadata = client.numbers("matrix", **question, window=[1, 4], quantized="mean")
    assert set(drawn) == {"quantized", "n", "order", "effect"}
    assert (drawn["quantized"].dtype, drawn["quantized"].shape) == (np.uint8, (2, 3))
    low, high = metadata["bounds"]
    assert (low, high) == (pytest.approx(whole["mean"].min()), pytest.approx(whole["mean"].max()))
    back = low + (drawn["quantized"].astype(float) - 1) / 254 * (high - low)
    np.testing.assert_allclose(back, whole["mean"][:, shown], atol=(high - low) / 500)
    # Another row can be put onto the colours: z is (value - offset) times factor.
    scaled, _ = client.numbers("matrix", **question, quantized="mean", scale="z")
    z = (whole["mean"] - scaled["offset"]) * scaled["factor"]
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-5)
    assert set(np.round(z.std(axis=0), 3)) <= {0, 1}
    bounded, metadata = client.numbers("matrix", **question, quantized="max", bounds=[0, 100])
    assert metadata["bounds"] == [0, 100]
    assert bounded["quantized"].max() < 20
    for wrong in ({"window": [4, 1]}, {"quantized": "nothing"}, {"quantized": "mean", "bounds": [1]}):
        assert client.error("matrix", **question, **wrong)[0] == 400


def test_a_window_by_index_is_computed_alone(client: Client) -> None:
    question = AT | {"layer": "stem/relu", "rows": [{"subset": "ant"}, {"expression": "score < 0.9"}, {"instance": 2}]}
    whole, _ = client.numbers("matrix", **question)
    window, _ = client.numbers("matrix", **question, window=[3, 4])
    assert np.array_equal(window["order"], whole["order"])
    for name in ("mean", "std", "max", "active", "error"):
        np.testing.assert_allclose(window[name], whole[name][:, 3:4], rtol=1e-6)
    nothing, _ = client.numbers("matrix", **question, window=[50, 60])
    assert nothing["mean"].shape == (3, 0)


def test_cells_on_a_scale(client: Client) -> None:
    question = AT | {"layer": "stem/relu", "rows": [{"subset": "ant"}, {"subset": "bee"}, {"instance": 2}]}
    question |= {"sort": {"by": "strongest"}}
    mean = client.numbers("matrix", **question)[0]["mean"].astype(float)
    drawn, metadata = client.numbers("matrix", **question, quantized="mean", scale="z")
    scale = metadata["scale"]
    assert (scale["kind"], scale["signed"], metadata["bounds"]) == ("z", True, [-scale["end"], scale["end"]])
    # Over the two subsets: what a single instance is does not change the colours of the others.
    spread = mean[:2].std(axis=0)
    z = np.where(spread > 0, (mean - mean[:2].mean(axis=0)) / np.where(spread > 0, spread, 1), 0)
    z = np.clip(z, -scale["end"], scale["end"])
    np.testing.assert_allclose((drawn["quantized"] - 128.0) / 127 * scale["end"], z, atol=scale["end"] / 250)
    window, _ = client.numbers("matrix", **question, quantized="mean", scale="z", window=[1, 3])
    assert np.array_equal(window["quantized"], drawn["quantized"][:, drawn["order"][1:3]])
    some, part = client.numbers("matrix", **question, quantized="mean", scale="z", drawn=[2, 0])
    assert np.array_equal(some["quantized"], drawn["quantized"][[2, 0]])
    assert some["drawn"].tolist() == [2, 0]
    assert (part["scale"], len(part["rows"]), len(some["n"])) == (scale, 3, 3)
    assert client.error("matrix", **question, quantized="mean", drawn=[3])[0] == 400
    assert client.numbers("matrix", **question, quantized="active", scale="raw")[1]["scale"]["end"] == 1
    assert client.error("matrix", **question, quantized="mean", scale="log")[0] == 400


def test_clustered_says_whether_it_is_optimal(client: Client) -> None:
    _, metadata = client.numbers("matrix", **ROUTE_PARAMETERS["matrix"], sort={"by": "clustered"})
    assert metadata["optimal"] is True


def test_projections_of_two_runs_lie_on_each_other(tmp_path: Path) -> None:
    data = small_data()
    turned = {name: values[:, ::-1].copy() for name, values in data.activations.items()}
    write_run(tmp_path / "run1", data, (5,))
    write_run(tmp_path / "run2", dataclasses.replace(data, activations=turned), (8,), sample=9)
    client = Client(tmp_path)
    like, _ = client.numbers("projection", **AT, layer="head")
    question: dict = {"run": "run2", "step": 8, "layer": "head"}
    free, before = client.numbers("projection", **question)
    found, metadata = client.numbers("projection", **question, like=AT)
    assert (metadata["aligned"], before["aligned"]) == (9, 0)
    assert sum(metadata["explained"]) == pytest.approx(sum(before["explained"]))
    rows = [client.numbers("columns", **place)[0]["id"] for place in (AT, {"run": "run2", "step": 8})]
    mine, its = np.intersect1d(rows[1], rows[0], return_indices=True)[1:]
    distance = [np.linalg.norm(each["xy"][mine] - like["xy"][its]) for each in (found, free)]
    assert distance[0] <= distance[1] + 1e-6
    np.testing.assert_allclose(np.linalg.norm(found["xy"], axis=1), np.linalg.norm(free["xy"], axis=1), rtol=1e-4)
    _, alone = client.numbers("projection", **question | {"layer": "stem/relu"}, like=AT)
    assert alone["aligned"] == 9
    assert client.error("projection", **question, like={"run": "run1"})[0] == 400
    assert client.error("projection", **question, like={"run": "gone", "step": 1})[0] == 404
    assert client.error("projection", **question, like="run1")[0] == 400


def test_rows_of_another_run_are_the_same_instances(tmp_path: Path) -> None:
    data = small_data()
    write_run(tmp_path / "run1", data, (5,))
    write_run(tmp_path / "run2", data, (8,), sample=9)
    client = Client(tmp_path)
    place: dict = {"run": "run2", "step": 8}
    ids, others = (client.numbers("columns", **where)[0]["id"].tolist() for where in (AT, place))
    rows = [{"instance": row} for row in range(17)]
    statistics = ["mean", "std", "max", "active"]
    found, metadata = client.numbers("matrix", **place, layer="head", rows=rows, rows_of=AT, statistics=statistics)
    assert len(others) == 9
    for row, identity in enumerate(ids):
        here = identity in others
        assert found["n"][row] == metadata["rows"][row]["n"] == int(here)
        expected = data.activations["head"][identity - 100].astype(np.float16) if here else [np.nan] * 3
        np.testing.assert_array_equal(found["mean"][row], expected)
        assert np.isnan(found["active"][row]).all() != here
    for wrong, status in (({"run": "gone", "step": 1}, 404), ("run1", 400)):
        assert client.error("matrix", **place, layer="head", rows=rows, rows_of=wrong)[0] == status


def test_column_statistics(client: Client) -> None:
    answer = client.json("column_statistics", **AT)
    found = {one["name"]: one for one in answer["columns"]}
    assert found["label"]["type"] == "category"
    assert sum(one["count"] for one in found["label"]["values"]) == 17
    assert len(found["score"]["quantiles"]) == 5
    assert {"name": "contains", "arguments": ["text", '"part"']} in answer["functions"]
    (label,) = client.json("column_statistics", **AT, column="label", prefix="B")["columns"]
    assert [one["value"] for one in label["values"]] == ["bee"]
    assert label["distinct"] == 3


def test_facets(client: Client) -> None:
    answer = client.json("facets", **AT, expression="score < 0.6", columns=["label", "score"])
    _, found = client.numbers("where", **AT, expression="score < 0.6")
    assert (answer["count"], answer["sample_size"]) == (found["count"], 17)
    label, score = answer["columns"]
    assert (label["type"], sum(one["count"] for one in label["values"])) == ("values", 17)
    assert sum(one["matching"] for one in label["values"]) == sum(score["matching"]) == found["count"]
    (few,) = client.json("facets", **AT, columns=["label"], search="E")["columns"]
    assert [one["value"] for one in few["values"]] == ["bee"]


def test_a_subset(client: Client) -> None:
    answer = client.json("subset", **AT, layer="head", row={"subset": "bee"})
    inside = small_data().labels == 1
    assert (answer["n"], answer["seen"], answer["source"], answer["sampled"]) == (
        inside.sum(),
        17,
        "exact",
        inside.sum(),
    )
    assert sum(one["count"] for one in answer["confusion"]) == inside.sum()
    assert answer["neurons"][0]["neuron"] == 1  # the logit of its class
    assert answer["tested"] == 3


def test_instances_by_id(client: Client) -> None:
    columns, _ = client.numbers("columns", **AT)
    identity = int(columns["id"][6])
    assert client.json("instance", **AT, layer="head", id=identity)["index"] == 6
    assert client.get("content", **AT, id=identity).get_data() == client.get("content", **AT, index=6).get_data()
    posted = client.post("instance", **AT, layer="head", id=str(identity))
    assert json.loads(posted.get_data())["index"] == 6
    for missing in (99_999, "x", "10" * 40):
        status, error = client.error("content", **AT, id=missing)
        assert (status, error["kind"]) == (404, "not_found")
        assert "the sample holds 17 of 17 instances" in error["message"]
