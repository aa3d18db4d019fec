"""The tab's questions from Python: what `open_run` gives, against numpy over the data that were logged."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import tensorboard_activis
from tensorboard_activis.errors import ExpressionError, NotFoundError, QueryError
from tensorboard_activis.query.matrix.rows import Row
from tensorboard_activis.query.matrix.sorting import Sort
from tensorboard_activis.query.neurons.subset import differences
from tensorboard_activis.query.snapshot import Snapshot
from tests.records import CLASSES, Data, write_run

LAYER = "stem/relu"


@pytest.fixture
def opened(run_path: Path) -> Snapshot:
    return tensorboard_activis.open_run(run_path).snapshot(2)


def test_a_matrix_of_names_expressions_and_instances(opened: Snapshot, data: Data, rank: np.ndarray) -> None:
    found = opened.matrix(LAYER, ["cat", "label == 'cat'", 5, Row(expression="True")], sort=("cat", 5))
    inside = data.activations[LAYER][data.labels == 2]
    np.testing.assert_allclose(found.mean[0], inside.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.mean[1], inside.mean(axis=0), rtol=1e-3)  # the sample, as float16
    np.testing.assert_allclose(found.mean[2], data.activations[LAYER][rank[5]], rtol=1e-3)
    assert [one.source for one in found.rows] == ["exact", "sample", "instance", "sample"]
    assert found.effect is not None
    assert opened.matrix(LAYER, ["cat", 5], sort=Sort("difference", 0, 1)).order.tolist() == found.order.tolist()
    by_cats = opened.matrix(LAYER, ["bee", "cat"], sort="cat")
    assert by_cats.order.tolist() == np.argsort(-inside.mean(axis=0)).tolist()
    assert sorted(opened.matrix(LAYER, sort="clustered").order) == [0, 1, 2, 3, 4]


def test_a_matrix_of_all_subsets(opened: Snapshot) -> None:
    assert opened.matrix(LAYER).mean.shape == (len(opened.record.subsets), 5)
    assert not opened.matrix(LAYER, ["label == 'cat'"], prefix=9).complete


def test_a_neuron(opened: Snapshot, data: Data) -> None:
    found = opened.neuron_detail("head", 1, ["all", "bee"])
    values = data.activations["head"][:, 1]
    assert (
        found.counts.sum(axis=1).tolist() == [one.n for one in found.rows] == [17, np.count_nonzero(data.labels == 1)]
    )
    assert found.rows[1].mean == pytest.approx(values[data.labels == 1].mean(), rel=1e-3)
    assert found.edges.shape == (found.counts.shape[1] + 1,)
    assert found.top.table().column("value").to_pylist() == pytest.approx(sorted(values, reverse=True)[:8], rel=1e-3)
    assert found.bottom.table().column_names == ["index", "id", "label", "prediction", "value"]
    assert set(found.classes.table().column("class").to_pylist()) == set(CLASSES)
    assert found.complete
    assert opened.neuron_detail("head", 1).counts.shape[0] == 1


def test_a_subset(opened: Snapshot, data: Data) -> None:
    found = opened.subset("cat", LAYER)
    assert found.sampled == np.count_nonzero(data.labels == 2)
    assert [one.neuron for one in found.neurons] == differences(opened, LAYER, Row(subset="cat")).order.tolist()
    values = data.activations[LAYER]
    first = found.neurons.table().slice(0, 1).to_pylist()[0]
    assert first["own_mean"] == pytest.approx(values[data.labels == 2, first["neuron"]].mean(), rel=1e-4)
    assert first["rest_mean"] == pytest.approx(values[data.labels != 2, first["neuron"]].mean(), rel=1e-4)
    assert opened.subset("score < 0.9", LAYER).source == "sample"
    assert opened.subset("nobody", LAYER).neurons.table().column_names[-1] == "rest_std"


def test_movement_between_two_steps_of_the_same_activations(opened: Snapshot, run_path: Path) -> None:
    found = opened.movement(tensorboard_activis.open_run(run_path).snapshot(5))
    assert found.n == 17
    assert found.layers.table().column("name").to_pylist() == [LAYER, "head"]
    assert found.layers.table().column("distance").to_pylist() == pytest.approx([0, 0], abs=1e-12)


def test_instances(opened: Snapshot, data: Data, rank: np.ndarray) -> None:
    wrong = opened.table("not correct", order="score", descending=True)
    scores = wrong.column("score").to_pylist()
    assert scores == sorted(scores, reverse=True)
    row = wrong.column("row")[0].as_py()
    identity = wrong.column("id")[0].as_py()
    assert opened.index_of(identity) == row
    assert identity == data.ids[rank[row]]
    found = opened.instance_detail(LAYER, row)
    assert (found.id, found.correct) == (identity, False)
    assert found.label != found.prediction
    assert len(found.neighbours) == 8
    assert found.contrast is not None
    assert found.contrast.neurons.table().column_names[:3] == ["neuron", "estimated", "tried"]
    likely = [one.score for one in found.scores]
    assert likely == sorted(likely, reverse=True)
    right = opened.table("correct").column("row")[0].as_py()
    assert opened.instance_detail(LAYER, right).contrast is None
    assert opened.content(row)[0] == "image"
    assert {one.name for one in opened.column_statistics()} >= {"label", "score"}


def test_projections(opened: Snapshot, run_path: Path, tmp_path: Path, data: Data) -> None:
    found = opened.projection("head")
    assert found.xy.shape == (17, 2)
    run = tensorboard_activis.open_run(run_path)
    np.testing.assert_array_equal(run.snapshot(5).projection("head").xy, found.xy)  # equal activations, equal signs
    mirrored = {name: -values for name, values in data.activations.items()}
    write_run(tmp_path, replace(data, activations=mirrored), (1,))
    other = tensorboard_activis.open_run(tmp_path).latest
    aligned = other.projection("head", like=opened)
    np.testing.assert_allclose(aligned.xy, found.xy, atol=1e-3)
    assert sum(aligned.explained) == pytest.approx(sum(found.explained), rel=1e-3)


def test_tsne_is_reported_and_can_be_stopped(opened: Snapshot) -> None:
    pytest.importorskip("openTSNE", reason="pip install openTSNE")
    told: list[float] = []

    def report(done: float, xy: np.ndarray) -> bool:
        told.append(done)
        return len(told) < 2

    assert opened.projection("head", "tsne", report=report).xy.shape == (17, 2)
    assert len(told) == 2


def test_what_is_wrong_is_said(opened: Snapshot) -> None:
    with pytest.raises(NotFoundError, match="not recorded"):
        opened.matrix("stem", ["all"])
    with pytest.raises(ExpressionError, match="no column dog"):
        opened.matrix(LAYER, ["dog"])
    with pytest.raises(NotFoundError, match="none of the rows"):
        opened.matrix(LAYER, ["cat"], sort="bee")
    with pytest.raises(QueryError, match="A row is a subset's name"):
        opened.matrix(LAYER, [True])
    with pytest.raises(QueryError, match="pca, tsne, direction"):
        opened.projection(LAYER, "umap")  # type: ignore[arg-type]
    with pytest.raises(NotFoundError, match="0 to 16"):
        opened.instance_detail(LAYER, 17)
    with pytest.raises(NotFoundError, match="No instance with the id '5'"):
        opened.index_of(5)


def test_tables_and_arrays_without_anything_in_them(opened: Snapshot) -> None:
    empty = opened.neuron_detail("head", 0, [])
    assert (empty.counts.shape, empty.rows) == ((0, 30), ())
    assert isinstance(opened.table("score > 2"), pa.Table)
    assert opened.table("score > 2").num_rows == 0


def test_a_run_reads_anew_and_its_snapshots_know_it(tmp_path: Path, data: Data) -> None:
    write_run(tmp_path, data, (1,))
    run = tensorboard_activis.open_run(tmp_path)
    assert run.latest is run.snapshot(1)
    write_run(tmp_path, data, (2,))
    run.reload()
    assert run.latest.history("head", neuron=0).steps.table().column("step").to_pylist() == [1, 2]


def test_questions_need_no_server(run_path: Path) -> None:
    code = (
        "import sys, tensorboard_activis\n"
        f"snapshot = tensorboard_activis.open_run({str(run_path)!r}).latest\n"
        "snapshot.matrix('head'), snapshot.neuron_detail('head', 0), snapshot.subset('correct', 'head')\n"
        "snapshot.projection('head'), snapshot.table(), snapshot.column_statistics()\n"
        "found = [name for name in sys.modules if name.split('.')[0] in ('torch', 'keras', 'tensorflow', 'werkzeug')"
        " or name.startswith('tensorboard_activis.serve')]\n"
        "assert not found, found\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
