"""Pinned instances, sounds and lists of labels over HTTP."""

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tests.records import CLASSES, small_data, small_graph, small_layers
from tests.serve.client import Client

AT: dict[str, Any] = {"run": "run1", "step": 1}
WAVES = np.random.default_rng(0).uniform(-1, 1, (17, 40)).astype(np.float32)


@pytest.fixture
def client(tmp_path: Path) -> Client:
    data = small_data()
    labels = np.random.default_rng(1).integers(0, 2, (17, 3))
    recorder = Recorder(tmp_path / "run1", small_graph(), small_layers(), class_names=CLASSES, sample=9, strict=True)
    with recorder.snapshot(1) as evaluation:
        evaluation.add(BatchRecord(data.activations, labels=labels, outputs=data.logits, audio=(WAVES, 8_000)))
        evaluation.add(
            BatchRecord(
                {name: values[:2] for name, values in data.activations.items()},
                labels=labels[:2],
                outputs=data.logits[:2],
                audio=(WAVES[:2], 8_000),
                pinned=True,
            )
        )
    recorder.close()
    return Client(tmp_path)


def test_they_are_rows_of_their_own_and_counted_nowhere(client: Client) -> None:
    snapshot = client.json("snapshot", **AT)
    assert (snapshot["seen"], snapshot["sample_size"], snapshot["pinned"], snapshot["task"]) == (17, 9, 2, "multilabel")
    assert {"name": "pinned", "type": "boolean"} in snapshot["columns"]
    assert {"name": "label", "type": "list"} in snapshot["columns"]
    tensors, found = client.numbers("where", **AT, expression="score <= 1")
    assert tensors["indices"].tolist() == list(range(11))
    assert found == {"count": 9, "sample_size": 9}
    table = client.json("table", **AT, limit=3)
    assert (table["total"], [row["row"] for row in table["rows"]]) == (11, [9, 10, 0])
    tensors, metadata = client.numbers(
        "matrix", **AT, layer="head", rows=[{"expression": "score <= 1"}, {"instance": 10}, {"subset": "all"}]
    )
    assert tensors["n"].tolist() == [9, 1, 17]
    assert [row["source"] for row in metadata["rows"]] == ["sample", "instance", "exact"]
    assert client.numbers("projection", **AT, layer="head")[0]["xy"].shape == (11, 2)
    assert client.get("export", **AT, format="csv", expression="pinned").get_data(as_text=True).count("\r\n") == 3
    assert client.error("content", **AT, index=11)[0] == 404


def test_a_class_among_several(client: Client) -> None:
    (label,) = client.json("column_statistics", **AT, column="label")["columns"]
    assert {one["value"] for one in label["values"]} == set(CLASSES)
    _, found = client.numbers("where", **AT, expression='"ant" in label')
    table = client.json("table", **AT, expression='"ant" in label and not pinned')
    assert found["count"] == table["total"] > 0
    assert table["rows"]
    assert all("ant" in row["label"].split(", ") for row in table["rows"])
    status, error = client.error("where", **AT, expression='label == "ant"')
    assert (status, error["position"]) == (400, 9)
    assert 'Write "ant" in label' in error["message"]


def test_sounds(client: Client) -> None:
    assert client.json("snapshot", **AT)["content"] == "audio"
    for row in (3, 10):
        index = client.json("table", **AT, indices=[row])["rows"][0]["id"]
        response = client.get("content", **AT, index=row)
        assert response.content_type == "audio/wav"
        with wave.open(io.BytesIO(response.get_data())) as file:
            heard = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
        np.testing.assert_allclose(heard, WAVES[index if index >= 0 else -1 - index], atol=1e-4)
