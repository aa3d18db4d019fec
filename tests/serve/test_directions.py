"""Directions of rows through the routes: as an axis of a projection, kept and aligned, and as an order of neurons."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorboard_activis.query.run import open_run
from tests.records import small_data, write_run
from tests.serve.client import Client
from tests.serve.route_parameters import refused

LAYER = "stem/relu"
AT: dict[str, Any] = {"run": "run1", "step": 5, "layer": LAYER}
ROW = {"expression": "label == 'bee'"}


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of the same instances, the second of other activations."""
    logs = tmp_path_factory.mktemp("directions")
    write_run(logs / "run1", small_data(), (5,))
    write_run(logs / "run2", replace(small_data(), activations=small_data(seed=1).activations), (5,))
    return logs


@pytest.fixture(scope="module")
def client(logs: Path) -> Client:
    return Client(logs)


def test_the_route_answers_as_python_does(client: Client, logs: Path) -> None:
    tensors, metadata = client.numbers("projection", **AT, method="direction", row=ROW)
    expected = open_run(logs / "run1").latest.projection(LAYER, "direction", row=ROW["expression"])
    np.testing.assert_array_equal(tensors["xy"], expected.xy)
    axis = expected.direction
    assert axis is not None
    assert metadata["method"] == "direction"
    assert metadata["direction"]["n"] == axis.n
    assert metadata["direction"]["length"] == pytest.approx(axis.length)
    assert metadata["explained"] == pytest.approx(expected.explained)
    again, _ = client.numbers("projection", **AT, method="direction", row=ROW)
    np.testing.assert_array_equal(again["xy"], tensors["xy"])
    # Another row of the same layer is another answer.
    other, _ = client.numbers("projection", **AT, method="direction", row={"subset": "ant"})
    assert not np.array_equal(other["xy"], tensors["xy"])


def test_another_run_is_mirrored_at_most(client: Client) -> None:
    there = AT | {"run": "run2"}
    plain, _ = client.numbers("projection", **there, method="direction", row=ROW)
    like, metadata = client.numbers("projection", **there, method="direction", row=ROW, like={"run": "run1", "step": 5})
    assert metadata["aligned"] == len(plain["xy"])
    np.testing.assert_array_equal(like["xy"][:, 0], plain["xy"][:, 0])
    np.testing.assert_array_equal(np.abs(like["xy"][:, 1]), np.abs(plain["xy"][:, 1]))
    own, _ = client.numbers("projection", **AT, method="direction", row=ROW)
    assert like["xy"][:, 1].astype(float) @ own["xy"][:, 1] >= 0


def test_what_is_no_direction_is_refused(client: Client) -> None:
    bad: list[tuple[dict[str, Any], str]] = [
        ({"method": "direction"}, "row is missing"),
        ({"method": "pca", "row": ROW}, "got method=pca"),
        ({"method": "tsne", "row": ROW}, "got method=tsne"),
        ({"method": "direction", "row": {"expression": "score < 0"}}, "no direction"),
        ({"method": "direction", "row": {"expression": "scoer < 0"}}, "scoer"),
        ({"method": "direction", "row": "ant"}, "row must be JSON"),
        ({"method": "direction", "row": {}}, "A row is"),
        ({"method": "direction", "row": [ROW]}, "A row is"),
        ({"method": "umap"}, "pca, tsne, direction"),
    ]
    for wrong, said in bad:
        assert said in refused(client.get("projection", **AT, **wrong), 400, "bad_request")["message"], wrong
    for row in ({"subset": "wasp"}, {"instance": 10_000}):
        refused(client.get("projection", **AT, method="direction", row=row), 404, "not_found")


def test_neurons_by_their_weight(client: Client, logs: Path) -> None:
    snapshot = open_run(logs / "run1").latest
    values = snapshot.activations(LAYER).astype(np.float64)
    inside = np.array(snapshot.instances["label"].to_pylist()) == "bee"
    difference = values[inside].mean(axis=0) - values[~inside].mean(axis=0)
    unit = difference / np.sqrt((difference**2).sum())
    question = AT | {"rows": [{"subset": "ant"}, ROW, {"expression": "score < 0"}]}
    found, _ = client.numbers("matrix", **question, sort={"by": "direction", "a": 1})
    assert found["order"].tolist() == np.argsort(-unit, kind="stable").tolist()
    np.testing.assert_allclose(found["effect"], unit, atol=1e-3)
    assert np.square(found["effect"]).sum() == pytest.approx(1, abs=1e-5)
    window, _ = client.numbers("matrix", **question, sort={"by": "direction", "a": 1}, window=[1, 4])
    np.testing.assert_array_equal(window["effect"], found["effect"][found["order"][1:4]])
    # Neither the mean nor the effect size of the row has this order.
    for sort in ({"by": "row", "a": 1}, {"by": "difference", "a": 1, "b": 0}):
        assert client.numbers("matrix", **question, sort=sort)[0]["order"].tolist() != found["order"].tolist()
    # A row of nothing has no direction: by index, without weights.
    nothing, _ = client.numbers("matrix", **question, sort={"by": "direction", "a": 2})
    assert nothing["order"].tolist() == list(range(values.shape[1]))
    assert "effect" not in nothing
    refused(client.get("matrix", **question, sort={"by": "direction"}), 400, "bad_request")
