"""Every route through TensorBoard's own application: shapes and types of the answers, statuses, one error body."""

import io
import json
import shutil
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.records import CLASSES, small_data, write_run
from tests.serve.client import Client, decoded

STEPS = (3, 5, 40)
AT: dict = {"run": "run1", "step": 5}
LAYER = "stem/relu"
ROWS = [{"subset": "all"}, {"subset": "bee"}, {"expression": "score < 0.6"}, {"instance": 2}]


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("logs")
    write_run(path / "run1", small_data(), STEPS)
    write_run(path / "nested" / "run2", small_data(seed=1), (7,), sample=11)
    return path


@pytest.fixture(scope="module")
def client(logdir: Path) -> Client:
    return Client(logdir)


def test_runs_are_named_as_the_user_named_them(client: Client, logdir: Path) -> None:
    answer = client.json("runs")
    assert answer["logdir"] == str(logdir)
    assert [run["name"] for run in answer["runs"]] == ["nested/run2", "run1"]
    assert [step["step"] for step in answer["runs"][1]["steps"]] == list(STEPS)
    data = small_data()
    accuracy = (data.logits.argmax(axis=1) == data.labels).mean()
    assert answer["runs"][1]["steps"][0]["accuracy"] == pytest.approx(accuracy)
    assert answer["runs"][1]["steps"][0]["problem"] is None
    assert answer["runs"][1]["problems"] == answer["other_runs"] == []


def test_graph(client: Client) -> None:
    answer = client.json("graph", run="run1")
    assert [node["key"] for node in answer["nodes"]][:3] == ["", "/input", "stem"]
    assert answer["nodes"][0]["parent"] is None
    assert answer["edges"][0] == {"source": "/input", "target": "stem.conv", "sizes": [-1, 1, 8, 8], "branch": False}


def test_snapshot(client: Client) -> None:
    answer = client.json("snapshot", run="nested/run2", step=7)
    assert answer["run"] == "nested/run2"
    assert (answer["seen"], answer["sample_size"], answer["content"]) == (17, 11, "image")
    assert [layer["neurons"] for layer in answer["layers"]] == [5, 3]
    assert [layer["signed"] for layer in answer["layers"]] == [False, True]
    assert [subset["name"] for subset in answer["subsets"]] == ["all", *CLASSES, "correct", "wrong"]
    assert {"name": "label", "type": "category"} in answer["columns"]
    assert answer["problems"] == []


def test_strips(client: Client) -> None:
    tensors, _ = client.numbers("strips", **AT)
    stem = small_data().activations["stem/relu"]
    np.testing.assert_allclose(tensors["0"], stem.mean(axis=0) / np.abs(stem).max(), rtol=1e-6)
    assert tensors["1/state"].tolist() == [0, 0, 0]


def test_matrix(client: Client) -> None:
    tensors, metadata = client.numbers("matrix", layer=LAYER, rows=ROWS, sort={"by": "row", "a": 1}, **AT)
    data = small_data()
    bee = data.activations[LAYER][data.labels == CLASSES.index("bee")]
    np.testing.assert_allclose(tensors["mean"][1], bee.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(tensors["std"][1], bee.std(axis=0), rtol=1e-5)
    np.testing.assert_allclose(tensors["max"][1], bee.max(axis=0), rtol=1e-6)
    assert tensors["order"].tolist() == np.argsort(-bee.mean(axis=0)).tolist()
    assert [row["source"] for row in metadata["rows"]] == ["exact", "exact", "sample", "instance"]
    assert {name: str(tensor.dtype) for name, tensor in tensors.items()} == {
        **dict.fromkeys(("mean", "std", "max", "active", "error"), "float32"),
        "n": "int64",
        "order": "int32",
    }
    assert tensors["mean"].shape == (4, 5)


def test_matrix_of_some_statistics(client: Client) -> None:
    whole, _ = client.numbers("matrix", layer=LAYER, rows=ROWS, **AT)
    for wanted, more in (([], []), (["mean"], []), (["active", "std"], ["active"]), (["max"], ["max"])):
        found, _ = client.numbers("matrix", layer=LAYER, rows=ROWS, statistics=wanted, **AT)
        assert set(found) == {"mean", "std", "error", "n", "order", *more}
        for name, values in found.items():
            assert np.array_equal(values, whole[name], equal_nan=True)
    assert client.get("matrix", layer=LAYER, rows=ROWS, statistics=["mode"], **AT).status_code == 400


def test_post_gives_what_get_gives(client: Client) -> None:
    parameters = {"layer": LAYER, "rows": ROWS, "sort": {"by": "difference", "a": 1, "b": 3}, **AT}
    got, posted = client.get("matrix", **parameters), client.post("matrix", **parameters)
    assert got.get_data() == posted.get_data()
    assert "effect" in decoded(posted)[0]


def test_projection(client: Client) -> None:
    tensors, metadata = client.numbers("projection", layer="head", method="pca", **AT)
    assert tensors["xy"].shape == (17, 2)
    np.testing.assert_allclose(tensors["xy"].mean(axis=0), 0, atol=1e-6)
    assert metadata["method"] == "pca"
    assert 0 < metadata["explained"][1] <= metadata["explained"][0] <= 1


def test_activation(client: Client) -> None:
    tensors, _ = client.numbers("activation", layer="head", neuron=2, **AT)
    assert tensors["value"].dtype == np.float32
    assert tensors["value"].shape == (17,)
    top = client.json("neuron", layer="head", neuron=2, rows=ROWS, **AT)["top"][0]
    assert tensors["value"].max() == pytest.approx(top["value"])
    assert tensors["value"].argmax() == top["index"]


def test_tsne_in_the_background(client: Client) -> None:
    pytest.importorskip("openTSNE", reason="pip install openTSNE")
    deadline = time.monotonic() + 60
    tensors, metadata = client.action("start", layer="head", **AT)
    assert tensors["xy"].shape == (17, 2)
    while metadata["state"] != "done" and time.monotonic() < deadline:
        assert metadata["state"] in ("queued", "running")
        time.sleep(0.1)
        tensors, metadata = client.numbers("projection", layer="head", method="tsne", **AT)
    assert (metadata["method"], metadata["progress"]) == ("tsne", 1)
    assert np.abs(tensors["xy"]).max() > 0
    _, metadata = client.action("cancel", layer=LAYER, **AT)
    assert metadata["state"] == "cancelled"


def test_columns_and_where_and_table_agree(client: Client) -> None:
    columns, _ = client.numbers("columns", **AT)
    found, metadata = client.numbers("where", expression='label == "cat" and score > 0.5', **AT)
    expected = np.flatnonzero((columns["label"] == CLASSES.index("cat")) & (columns["score"] > 0.5))
    assert found["indices"].tolist() == expected.tolist()
    assert metadata == {"count": len(expected), "sample_size": 17}
    page = client.json("table", expression='label == "cat" and score > 0.5', order="score", descending=True, **AT)
    assert page["total"] == len(expected)
    scores = [row["score"] for row in page["rows"]]
    assert scores == sorted(scores, reverse=True)
    assert {row["label"] for row in page["rows"]} == {"cat"}
    assert [columns["id"][row["row"]] for row in page["rows"]] == [row["id"] for row in page["rows"]]
    some = client.json("table", indices=[4, 2, 9], limit=2, offset=1, **AT)
    assert (some["total"], [row["row"] for row in some["rows"]]) == (3, [2, 9])


def test_export(client: Client) -> None:
    response = client.get("export", expression='label == "cat"', format="csv", **AT)
    assert response.content_type == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="instances-step-5.csv"'
    total = client.json("table", expression='label == "cat"', **AT)["total"]
    assert len(response.get_data(as_text=True).splitlines()) == total + 1
    response = client.get("export", indices=[3, 1], format="parquet", **AT)
    assert pq.read_table(io.BytesIO(response.get_data())).column("row").to_pylist() == [3, 1]
    assert client.error("export", format="xls", **AT)[0] == 400


def test_a_prefix_answers_first(client: Client) -> None:
    tensors, metadata = client.numbers("matrix", layer=LAYER, rows=ROWS, prefix=9, **AT)
    assert metadata["complete"] is False
    assert tensors["error"].shape == (4, 5)
    assert client.json("neuron", layer=LAYER, neuron=0, rows=ROWS, prefix=9, **AT)["complete"] is False
    assert client.numbers("matrix", layer=LAYER, rows=ROWS, prefix=99, **AT)[1]["complete"] is True


def test_content_is_the_instances_picture(client: Client) -> None:
    columns, _ = client.numbers("columns", **AT)
    response = client.get("content", index=6, **AT)
    assert response.content_type == "image/png"
    picture = np.asarray(Image.open(io.BytesIO(response.get_data())))
    expected = small_data().images[columns["id"][6] - 100, 0]
    assert np.abs(picture.astype(float) / 255 - expected).max() < 1 / 255


def test_instance_and_neuron(client: Client) -> None:
    answer = client.json("instance", layer="head", index=9, **AT)
    assert {"index", "id", "label", "prediction", "correct", "scores", "neighbours", "contrast"} == set(answer)
    assert len(answer["neighbours"]) == 8
    assert (answer["contrast"] is None) == (answer["correct"] is not False)
    neuron = client.json("neuron", layer="head", neuron=2, rows=ROWS, **AT)
    assert [row["n"] for row in neuron["rows"]][::3] == [17, 1]
    assert sum(neuron["rows"][0]["counts"]) == 17
    tensors, history = client.numbers("history", layer="head", neuron=1, rows=ROWS, **AT)
    assert [step["step"] for step in history["steps"]] == list(STEPS)
    assert tensors["values"].shape == (len(STEPS), len(ROWS), 1)
    assert {one["class"] for one in neuron["classes"]} == set(CLASSES)


@pytest.mark.parametrize(
    ("route", "parameters", "status", "kind", "message"),
    [
        ("snapshot", {"run": "none", "step": 5}, 404, "not_found", "no run none"),
        ("snapshot", {"run": "run1", "step": 6}, 404, "not_found", "There are: 3, 5, 40"),
        ("snapshot", {"run": "run1", "step": "x"}, 400, "bad_request", "whole number"),
        ("snapshot", {"run": "run1"}, 400, "bad_request", "step is missing"),
        ("snapshot", {"run": "../run1", "step": 5}, 404, "not_found", "no run"),
        ("graph", {"run": "none"}, 404, "not_found", "no run none"),
        ("matrix", AT | {"layer": LAYER}, 400, "bad_request", "rows must be"),
        ("matrix", AT | {"layer": LAYER, "rows": "[1"}, 400, "bad_request", "rows must be JSON"),
        ("matrix", AT | {"layer": LAYER, "rows": [{"subset": "x"}]}, 404, "not_found", "no subset x"),
        ("matrix", AT | {"layer": LAYER, "rows": [{"instance": 17}]}, 404, "not_found", "0 to 16"),
        ("matrix", AT | {"layer": LAYER, "rows": [{"instance": -1}]}, 404, "not_found", "0 to 16"),
        ("matrix", AT | {"layer": LAYER, "rows": [{"expression": "x > 1"}]}, 400, "bad_request", "no column x"),
        ("matrix", AT | {"layer": "?", "rows": ROWS}, 404, "not_found", "Recorded are: stem/relu, head"),
        ("matrix", AT | {"layer": LAYER, "rows": ROWS, "sort": {"by": "row", "a": 9}}, 400, "bad_request", "0 to 3"),
        ("matrix", AT | {"layer": LAYER, "rows": ROWS, "sort": {"by": "size"}}, 400, "bad_request", "one of index"),
        ("projection", AT | {"layer": LAYER, "method": "umap"}, 400, "bad_request", "method must be"),
        ("where", AT, 400, "bad_request", "expression is missing"),
        ("where", AT | {"expression": 'neuron("x", 1) > 0'}, 400, "bad_request", "not recorded"),
        ("where", AT | {"expression": 'neuron("head", 3) > 0'}, 400, "bad_request", "neurons 0 to 2"),
        ("table", AT | {"limit": 1001}, 400, "bad_request", "1,000"),
        ("table", AT | {"indices": [1, "a"]}, 400, "bad_request", "whole numbers"),
        ("table", AT | {"indices": [99]}, 404, "not_found", "0 to 16"),
        ("table", AT | {"order": "nothing"}, 404, "not_found", "no column 'nothing'"),
        ("table", AT | {"order": "image"}, 400, "bad_request", "cannot be ordered"),
        ("content", AT | {"index": 17}, 404, "not_found", "0 to 16"),
        ("instance", AT | {"layer": "head", "index": 10**30}, 400, "bad_request", "whole number"),
        ("neuron", AT | {"layer": "head", "neuron": 3, "rows": ROWS}, 404, "not_found", "neurons 0 to 2"),
        ("nowhere", {}, 404, "not_found", "nothing at"),
    ],
)
def test_errors_have_one_shape(
    client: Client, route: str, parameters: dict, status: int, kind: str, message: str
) -> None:
    code, error = client.error(route, **parameters)
    assert (code, error["kind"]) == (status, kind)
    assert message in error["message"]


def test_an_expression_error_has_its_position(client: Client) -> None:
    _, error = client.error("where", expression="score < 0.5 and lable == 3", **AT)
    assert error["position"] == 16


def test_too_much_is_413_and_says_the_limit(client: Client) -> None:
    response = client.post("matrix", layer=LAYER, rows=[{"subset": "all"}] * 1001, **AT)
    assert response.status_code == 413
    assert "1,000" in json.loads(response.get_data())["error"]["message"]
    response = client.open(
        "/data/plugin/activis/where", method="POST", content_type="application/json", data=b" " * 1_000_001
    )
    assert response.status_code == 413


@pytest.mark.parametrize("body", [b"[1]", b"{", b"\xff", b"[" * 100_000])
def test_a_bad_body_is_400(client: Client, body: bytes) -> None:
    response = client.open("/data/plugin/activis/where", method="POST", content_type="application/json", data=body)
    assert (response.status_code, json.loads(response.get_data())["error"]["kind"]) == (400, "bad_request")


def test_other_methods_are_400(client: Client) -> None:
    assert client.open("/data/plugin/activis/runs", method="DELETE").status_code == 400


def test_unchanged_answers_are_not_sent_again(client: Client) -> None:
    first = client.get("matrix", layer=LAYER, rows=ROWS, **AT)
    again = client.get("matrix", layer=LAYER, rows=ROWS, headers={"If-None-Match": first.headers["ETag"]}, **AT)
    assert (again.status_code, again.get_data()) == (304, b"")
    other = client.get("matrix", layer=LAYER, rows=ROWS[:1], headers={"If-None-Match": first.headers["ETag"]}, **AT)
    assert other.status_code == 200


def test_path_prefix(logdir: Path) -> None:
    assert len(Client(logdir, prefix="/some/where").json("runs")["runs"]) == 2


def test_logdir_spec(logdir: Path) -> None:
    client = Client(logdir, spec={"a": logdir / "run1", "b": logdir / "nested"})
    assert [run["name"] for run in client.json("runs")["runs"]] == ["a", "b/run2"]
    assert client.json("snapshot", run="b/run2", step=7)["problems"] == []
    tensors, _ = client.numbers("matrix", run="a", step=3, layer=LAYER, rows=ROWS)
    assert tensors["mean"].shape == (4, 5)


def test_a_logdir_that_is_the_run_itself(logdir: Path) -> None:
    client = Client(logdir / "run1")
    assert [run["name"] for run in client.json("runs")["runs"]] == ["."]
    assert client.json("snapshot", run=".", step=3)["problems"] == []


def test_a_log_directory_that_grows(tmp_path: Path) -> None:
    write_run(tmp_path / "run1", small_data(), (1,))
    client = Client(tmp_path)
    assert [step["step"] for step in client.json("runs")["runs"][0]["steps"]] == [1]
    write_run(tmp_path / "run2", small_data(), (2,))
    client.reload()
    assert [run["name"] for run in client.json("runs")["runs"]] == ["run1", "run2"]
    assert client.numbers("strips", run="run2", step=2)[0]["0"].shape == (5,)


def test_without_our_data(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    answer = Client(tmp_path).json("runs")
    assert answer["runs"] == []


def test_a_missing_file_is_said_and_the_rest_works(tmp_path: Path) -> None:
    write_run(tmp_path / "run1", small_data(), (1, 2))
    write_run(tmp_path / "run2", small_data(), (1,))
    for path in (tmp_path / "run1" / "activis").glob("instances-*"):
        path.unlink()
    client = Client(tmp_path)
    one, two = client.json("runs")["runs"]
    assert "instances-" in one["steps"][0]["problem"]
    assert two["steps"][0]["problem"] is None
    snapshot = client.json("snapshot", run="run1", step=1)
    assert "is missing" in snapshot["problems"][0]
    assert len(snapshot["layers"]) == 2
    assert client.numbers("strips", run="run1", step=1)[0]["0"].shape == (5,)
    code, error = client.error("columns", run="run1", step=1)
    assert (code, error["kind"]) == (422, "unreadable")
    assert "is missing" in error["message"]
    assert client.numbers("columns", run="run2", step=1)[0]["label"].shape == (17,)


def test_a_snapshot_that_cannot_be_decoded_is_listed_with_its_problem(tmp_path: Path) -> None:
    from tensorboard_activis.metadata import SNAPSHOT_TAG
    from tensorboard_activis.write.events import EventWriter

    write_run(tmp_path / "run1", small_data(), (1,))
    writer = EventWriter(tmp_path / "run1" / "activis", "zzz")
    writer.write_blob(SNAPSHOT_TAG, 9, b"\xff\xff\xff", 1.0)
    writer.close()
    client = Client(tmp_path)
    good, bad = client.json("runs")["runs"][0]["steps"]
    assert (good["step"], good["problem"]) == (1, None)
    assert bad["step"] == 9
    assert "cannot be decoded" in bad["problem"]
    assert client.error("snapshot", run="run1", step=9)[1]["kind"] == "unreadable"
    assert client.json("snapshot", run="run1", step=1)["problems"] == []
    _, history = client.numbers("history", run="run1", step=1, layer="head", neuron=0, rows=ROWS)
    assert [step["step"] for step in history["steps"]] == [1]


def test_a_moved_run_works(tmp_path: Path) -> None:
    write_run(tmp_path / "one", small_data(), (1,))
    shutil.move(tmp_path / "one", tmp_path / "two words & more")
    client = Client(tmp_path)
    assert [run["name"] for run in client.json("runs")["runs"]] == ["two words & more"]
    assert client.json("snapshot", run="two words & more", step=1)["problems"] == []
