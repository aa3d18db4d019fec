"""One language: an expression means the same in the callback, in `open_run` and in every route that takes one."""

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tensorboard_activis import open_run
from tests.records import small_data, write_run
from tests.serve.client import Client

EXPRESSIONS = (
    "score < 0.6",
    "0.3 < score <= 0.8 and not correct",
    'label in ["ant", "cat"] or prediction == "bee"',
    "prediction != label",
    'startswith(label, "b")',
    'matches(label, "^(a|c)") and id % 2 == 0',
    "id in [101, 104, 112, 999]",
    'col("loss") > 1 or isnull(score)',
    "len(label) == 3 and label.isin(['bee'])",
    "sampled(0.5)",
    'contains(lower(label), "a")',
    "score > 2",
)
AT: dict = {"run": "run1", "step": 5}


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("logs")
    subsets = {f"subset {index}": expression for index, expression in enumerate(EXPRESSIONS)}
    write_run(path / "run1", small_data(), (5,), subsets=subsets)
    return path


@pytest.fixture(scope="module")
def client(logdir: Path) -> Client:
    return Client(logdir)


@pytest.mark.parametrize("index", range(len(EXPRESSIONS)), ids=EXPRESSIONS)
def test_it_means_the_same_everywhere(logdir: Path, client: Client, index: int) -> None:
    expression, name = EXPRESSIONS[index], f"subset {index}"
    snapshot = open_run(logdir / "run1").snapshot(5)
    mask = snapshot.where(expression)
    rows = np.flatnonzero(mask).tolist()
    (declared,) = [subset.count for subset in snapshot.record.subsets if subset.name == name]
    assert declared == len(rows)  # counted batch by batch while it was logged; every instance was kept
    assert client.numbers("where", **AT, expression=expression)[0]["indices"].tolist() == rows
    page = client.json("table", **AT, expression=expression)
    assert [row["row"] for row in page["rows"]] == rows
    exported = client.get("export", **AT, expression=expression, format="parquet")
    assert pq.read_table(io.BytesIO(exported.get_data())).column("row").to_pylist() == rows
    both = [{"subset": name}, {"expression": expression}]
    tensors, _ = client.numbers("matrix", **AT, layer="head", rows=both)
    assert tensors["n"].tolist() == [len(rows)] * 2
    np.testing.assert_allclose(tensors["mean"][0], tensors["mean"][1], rtol=2e-3, atol=1e-3)
    neuron = client.json("neuron", **AT, layer="head", neuron=0, rows=both)
    assert neuron["rows"][0] == neuron["rows"][1]
    assert neuron["rows"][0]["n"] == len(rows)
    assert client.json("subset", **AT, layer="head", row=both[1])["sampled"] == len(rows)
    assert sum(group["count"] for group in client.json("groups", **AT, expression=expression)["groups"]) == len(rows)
