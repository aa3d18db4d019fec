"""Models whose execution path depends on the data, on training, or on the size of the batch."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tensorboard_activis import metadata, open_run
from tensorboard_activis.blobs import read_blobs
from tensorboard_activis.capture.torch.graph.execution_paths import MAX_PATHS
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.schema import Graph
from tensorboard_activis.torch import ActiVisLogger


class Exits(nn.Module):
    """Goes through `deep` only if the batch is hard (positive in its mean), and squashes its answer late in training."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.deep, self.head = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.late = False
        self.forwards = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.forwards += 1
        y = self.stem(x)
        if x.mean() > 0:
            y = self.deep(y)
        result: torch.Tensor = self.head(y)
        return result.tanh() if self.late else result


EASY, HARD = -torch.ones(20, 3), torch.ones(20, 3)


def branches(graph: Graph) -> set[str]:
    return {node.key for node in graph.nodes if node.branch}


def test_a_batch_that_goes_another_way_is_in_the_graph(tmp_path: Path) -> None:
    model = Exits()
    with ActiVisLogger(tmp_path, model, [EASY, EASY, HARD, EASY], layers=["stem", "head"], strict=True) as logger:
        assert branches(logger.graph) == set()
        assert next(node for node in logger.graph.nodes if node.key == "deep").calls == 0
        logger.log(0)
        assert branches(logger.graph) == {"deep"}
        edges = {(edge.source, edge.target): edge.branch for edge in logger.graph.edges}
        assert edges == {
            ("/input", "stem"): False,
            ("/input", "/mean"): False,
            ("stem", "head"): True,
            ("stem", "deep"): True,
            ("deep", "head"): True,
            ("head", "/output"): False,
        }
        model.forwards = 0
        logger.log(1)
        assert model.forwards == 4  # both paths are known: nothing is run again
    assert branches(open_run(tmp_path).graph) == {"deep"}


def test_a_step_that_only_an_operator_makes_is_seen_at_the_next_snapshot(tmp_path: Path) -> None:
    model = Exits()
    with ActiVisLogger(tmp_path, model, [HARD, HARD], layers=["stem", "head"], strict=True) as logger:
        logger.log(0)
        model.late = True
        logger.log(1)
        assert branches(logger.graph) == {"head/tanh"}


def test_the_graph_is_written_again_only_when_it_changed(tmp_path: Path) -> None:
    batches = [EASY]
    with ActiVisLogger(tmp_path, Exits(), batches, layers=["stem", "head"], strict=True) as logger:
        logger.log(0)
        logger.log(1)
        batches.append(HARD)
        logger.log(2)
        logger.log(3)
    steps = [blob.step for blob in read_blobs(tmp_path / "activis").blobs if blob.tag == metadata.GRAPH_TAG]
    assert steps == [0, 2]


def test_a_recorded_layer_that_some_batches_leave_out(tmp_path: Path) -> None:
    """Its statistics are of the instances that went through it; the others count as left out."""
    model = Exits()
    with ActiVisLogger(tmp_path, model, [HARD, EASY[:7], 2 * HARD], layers=["deep", "head"], strict=True) as logger:
        logger.log(0)
    snapshot = open_run(tmp_path).latest
    with torch.no_grad():
        expected = model.deep(model.stem(torch.cat([HARD, 2 * HARD]))).numpy()
    summary = snapshot.summary("deep")
    assert summary.count[0].tolist() == [40] * 4
    np.testing.assert_allclose(summary.mean[0], expected.mean(0), rtol=1e-5, atol=1e-5)
    assert snapshot.layers["deep"].nan == 7 * 4
    ids = np.asarray(snapshot.instances["id"])
    assert np.array_equal(np.isnan(snapshot.activations("deep")[:, 0]), (ids >= 20) & (ids < 27))
    assert not np.isnan(snapshot.activations("head")).any()


def test_a_layer_that_no_batch_goes_through_is_unknown(tmp_path: Path) -> None:
    batches = [HARD]
    with ActiVisLogger(tmp_path, Exits(), batches, layers=["deep", "head"], strict=True) as logger:
        batches[0] = EASY
        logger.log(0)
    snapshot = open_run(tmp_path).latest
    assert any("'deep' is unknown. It did not run" in note for note in snapshot.notes)
    assert np.isnan(snapshot.activations("deep")).all()
    assert not np.isnan(snapshot.activations("head")).any()


def test_a_pass_in_which_no_layer_runs_costs_the_snapshot(tmp_path: Path) -> None:
    batches = [HARD]
    with ActiVisLogger(tmp_path, Exits(), batches, layers=["deep"], strict=True) as logger:
        batches[0] = EASY
        with pytest.raises(ActiVisError, match="'deep' is unknown. It did not run in this evaluation"):
            logger.log(0)


def test_experts_that_few_instances_do_not_reach(tmp_path: Path) -> None:
    class Experts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.experts = nn.ModuleList([nn.Linear(3, 2) for _ in range(40)])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out = x.new_zeros(x.shape[0], 2)
            for index, expert in enumerate(self.experts):
                chosen = x[:, 0].round() == index
                if chosen.any():
                    out[chosen] = expert(x[chosen])
            return out * 1

    x = torch.arange(40.0)[:, None].expand(40, 3)
    with ActiVisLogger(tmp_path / "whole", Experts(), x, layers=[""], strict=True) as logger:
        assert sum(node.calls == 0 for node in logger.graph.nodes) == 29  # eleven were recorded
        logger.log(0)
        # The batch reaches all of them, and is recorded whole, for a few instances of it do not.
        assert all(node.calls for node in logger.graph.nodes)
        assert branches(logger.graph) >= {f"experts.{index}" for index in range(11, 40)}
    singles = list(x.split(1))
    model = Experts()
    with ActiVisLogger(tmp_path / "singles", model, singles, layers=[""], strict=True) as logger:
        logger.log(0)
        assert logger.graph.nodes[0].attributes["paths"] == str(MAX_PATHS)  # and no more, whatever comes


def test_passes_of_others_do_not_disturb(tmp_path: Path) -> None:
    """What runs while a batch is fetched is none of the logger's business: a model that makes its own data, say."""
    model = Exits()

    class Batches:
        def __iter__(self):
            model(EASY)
            yield HARD
            model(EASY)

    with ActiVisLogger(tmp_path, model, Batches(), layers=["deep", "head"], strict=True) as logger:
        logger.log(0)
        assert branches(logger.graph) == set()
    assert open_run(tmp_path).latest.record.seen == 20
