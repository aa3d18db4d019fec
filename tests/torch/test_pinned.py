"""Pinned instances: always kept, marked, first in lists, and in no statistic."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tensorboard_activis import open_run
from tensorboard_activis.errors import ConfigurationError, NotFoundError
from tensorboard_activis.query.describe import describe_snapshot
from tensorboard_activis.query.instances.columns import columns
from tensorboard_activis.query.instances.export import export_table
from tensorboard_activis.query.instances.table import Page, table_page
from tensorboard_activis.query.matrix.matrix import matrix
from tensorboard_activis.query.matrix.rows import Row, members
from tensorboard_activis.query.neurons.instance import instance
from tensorboard_activis.query.neurons.neuron import neuron
from tensorboard_activis.query.neurons.subset import subset
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve.encoding import encode_json
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.snapshots import counts, logged

NAMES = ["ant", "bee", "cat"]


@pytest.fixture
def data() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(17, 4, generator=torch.Generator().manual_seed(1)), torch.arange(17) % 3


@pytest.fixture
def pinned() -> tuple[torch.Tensor, torch.Tensor]:
    """Far from all others: a statistic that holds one shows it."""
    return torch.full((2, 4), 100.0) * torch.tensor([[1], [-1]]), torch.tensor([0, 2])


@pytest.fixture
def model() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(4, 3)


@pytest.fixture
def snapshot(tmp_path: Path, model: nn.Linear, data: Any, pinned: Any) -> SnapshotReader:
    options: dict[str, Any] = {"class_names": NAMES, "sample": 9, "subsets": {"some": "score < 2"}}
    logged(tmp_path / "plain", model, data, **options)
    return logged(tmp_path / "pinned", model, data, pinned=pinned, **options)


def test_their_pass_is_no_path_of_the_graph(tmp_path: Path, data: Any, pinned: Any) -> None:
    """What the model does with them alone is not marked as if evaluations differed."""

    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.far, self.last = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            hidden = self.first(x)
            result: torch.Tensor = self.last(self.far(hidden) if bool((x.abs() > 50).any()) else hidden)
            return result

    logged(tmp_path, Branching(), data, pinned=pinned)
    graph = open_run(tmp_path).graph
    assert not [each for each in graph.nodes if each.branch]
    assert not [each for each in graph.edges if each.branch]
    assert open_run(tmp_path).latest.record.pinned == 2


def test_they_are_kept_behind_the_sample_and_marked(
    snapshot: SnapshotReader, model: nn.Linear, pinned: tuple[torch.Tensor, torch.Tensor]
) -> None:
    record = snapshot.record
    assert (record.seen, record.sample_size, record.pinned, snapshot.stored_instances) == (17, 9, 2, 11)
    table = snapshot.instances
    assert table["pinned"].to_pylist() == [False] * 9 + [True] * 2
    assert table["id"].to_pylist()[9:] == [-1, -2]
    assert table["label"].to_pylist()[9:] == ["ant", "cat"]
    layer = next(iter(snapshot.layers))
    with torch.no_grad():
        logits = model(pinned[0])
    np.testing.assert_allclose(snapshot.activations(layer)[9:], logits, rtol=1e-3, atol=1e-5)
    assert table["prediction"].to_pylist()[9:] == [NAMES[index] for index in logits.argmax(1)]


def test_summaries_metrics_and_sample_are_those_without_them(snapshot: SnapshotReader, tmp_path: Path) -> None:
    plain = open_run(tmp_path / "plain").latest
    assert snapshot.record.metrics == plain.record.metrics
    assert counts(snapshot) == counts(plain)
    layer = next(iter(snapshot.layers))
    for field in ("count", "mean", "std", "min", "max"):
        np.testing.assert_array_equal(getattr(snapshot.summary(layer), field), getattr(plain.summary(layer), field))
    np.testing.assert_array_equal(snapshot.activations(layer)[:9], plain.activations(layer))
    assert snapshot.instances.drop_columns("pinned")[:9].to_pylist() == plain.instances.to_pylist()


def test_no_statistic_of_a_subset_holds_them(snapshot: SnapshotReader, tmp_path: Path) -> None:
    plain = open_run(tmp_path / "plain").latest
    layer = next(iter(snapshot.layers))
    rows = [Row(subset="all"), Row(expression="score < 2"), Row(expression='label == "ant"'), Row(subset="some")]
    assert members(snapshot, rows).shape == (4, 9)
    one, other = (matrix(each, layer, rows) for each in (snapshot, plain))
    for name in ("mean", "std", "max", "active", "n", "error"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert encode_json(subset(snapshot, layer, rows[1])) == encode_json(subset(plain, layer, rows[1]))
    extended, without = (neuron(each, layer, 1, rows) for each in (snapshot, plain))
    for name in ("edges", "rows", "classes"):
        assert encode_json(getattr(extended, name)) == encode_json(getattr(without, name))


def test_they_are_rows_of_their_own_in_every_list(snapshot: SnapshotReader) -> None:
    layer = next(iter(snapshot.layers))
    page = table_page(snapshot, Page(limit=3))
    assert page.total == 11
    assert [row["row"] for row in page.rows] == [9, 10, 0]
    assert [row["pinned"] for row in page.rows] == [True, True, False]
    assert export_table(snapshot, Page(expression="pinned"))["row"].to_pylist() == [9, 10]
    assert len(columns(snapshot).label) == 11
    assert columns(snapshot).user["pinned"].tolist() == [0.0] * 9 + [1.0] * 2
    found = matrix(snapshot, layer, [Row(instance=10), Row(subset="all")])
    np.testing.assert_array_equal(found.mean[0], snapshot.activations(layer)[10].astype(np.float32))
    assert (found.rows[0].source, found.n.tolist()) == ("instance", [1, 17])
    detail = instance(snapshot, layer, 9)
    assert (detail.id, detail.label) == (-1, "ant")
    driven = neuron(snapshot, layer, 1, [Row(subset="all")])
    assert {9, 10} & {driven.top[0].index, driven.bottom[0].index}
    with pytest.raises(NotFoundError, match="from 0 to 10; got 11"):
        instance(snapshot, layer, 11)
    described = describe_snapshot(snapshot, "run")
    assert (described.sample_size, described.pinned) == (9, 2)


def test_ids_of_pinned(tmp_path: Path, model: nn.Linear, data: Any, pinned: Any) -> None:
    texts = logged(tmp_path / "texts", model, data, pinned=pinned, id=[f"i{index}" for index in range(17)])
    assert texts.instances["id"].to_pylist()[17:] == ["pinned 1", "pinned 2"]
    own = logged(
        tmp_path / "own",
        model,
        DataLoader(TensorDataset(*data), 5),
        pinned=[pinned],
        id=lambda batch: [f"{value:.3f}" for value in batch[0][:, 0]],
    )
    assert own.instances["id"].to_pylist()[17:] == ["100.000", "-100.000"]


def test_pinned_may_be_instances_of_the_data(tmp_path: Path, model: nn.Linear, data: Any) -> None:
    snapshot = logged(
        tmp_path, model, data, pinned=(data[0][:1], data[1][:1]), id=lambda batch: [str(row.sum()) for row in batch[0]]
    )
    assert (snapshot.record.seen, snapshot.record.pinned) == (17, 1)
    assert snapshot.instances["id"].to_pylist().count(snapshot.instances["id"][17].as_py()) == 2


def test_pinned_that_have_less(tmp_path: Path, model: nn.Linear, data: Any, pinned: Any) -> None:
    """No labels and no columns: what is not known of them is missing."""
    snapshot = logged(
        tmp_path,
        model,
        data,
        pinned=pinned[0],
        class_names=NAMES,
        columns={"whole": list(range(17)), "word": ["w"] * 17, "yes": [True] * 17},
    )
    rows = snapshot.instances.to_pylist()[17:]
    assert len(rows) == len(pinned[0])
    for row in rows:
        assert row["label"] is row["correct"] is row["word"] is row["yes"] is None
        assert row["whole"] is None or np.isnan(row["whole"])
        assert np.isnan(row["loss"])
        assert row["prediction"] in NAMES


@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_pinned_of_other_tasks(tmp_path: Path, model: nn.Linear, data: Any, pinned: Any, task: str) -> None:
    labels = (data[0][:, :3] > 0).float()
    for name, given in (("with", (pinned[0], torch.tensor([[1.0, 0, 1], [0, 0, 0]]))), ("without", pinned[0])):
        snapshot = logged(tmp_path / name, model, (data[0], labels), pinned=given, task=task)
        found = snapshot.instances.to_pylist()[17:]
        if task == "regression":
            label = [row["label"] for row in found]
            assert label == [[1, 0, 1], [0, 0, 0]] if name == "with" else np.isnan(label).all()
        else:
            assert [row["label"] for row in found] == ([[0, 2], []] if name == "with" else [None, None])


def test_pinned_in_no_order(tmp_path: Path, model: nn.Linear, data: Any) -> None:
    with pytest.raises(ConfigurationError, match="pinned instances come shuffled or as a stream.*fixed order"):
        ActiVisLogger(tmp_path, model, data, pinned=DataLoader(TensorDataset(*data), 5, shuffle=True))
    with pytest.raises(ConfigurationError, match="pinned is empty"):
        ActiVisLogger(tmp_path, model, data, pinned=[])


def test_pinned_that_the_model_cannot_take_cost_the_snapshot_only(tmp_path: Path, model: nn.Linear, data: Any) -> None:
    with (
        ActiVisLogger(tmp_path, model, data, pinned=torch.zeros(2, 5)) as logger,
        pytest.warns(match="lost the snapshot"),
    ):
        logger.log(1)


@pytest.mark.parametrize("own", [False, True])
def test_logs_that_call_them_probes(snapshot: SnapshotReader, own: bool) -> None:
    """As the first version wrote them; then users could have a column `pinned` of their own."""
    (path,) = (snapshot._directory / name for name in snapshot.record.instances)
    table = pq.read_table(path)
    table = table.rename_columns(["probe" if name == "pinned" else name for name in table.column_names])
    if own:
        table = table.append_column("pinned", pa.array([f"with pin {row}" for row in range(11)]))
    pq.write_table(table, path, compression="zstd")
    again = SnapshotReader(snapshot.record, snapshot._directory)
    expected = [row >= 9 for row in range(11)]
    assert again.instances["probe" if own else "pinned"].to_pylist() == expected
    assert again.where("probe" if own else "pinned").tolist() == expected
