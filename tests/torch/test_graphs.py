"""Batches of graphs, as PyTorch Geometric has them: nodes or graphs are the instances, by id, against plain hooks."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.torch.snapshots import logged


class Batch:
    """Several graphs as one: nodes x, edges by the indices of nodes, the graph of each node, labels y."""

    def __init__(self, **stored: torch.Tensor) -> None:
        self.__dict__.update(stored)

    @property
    def num_graphs(self) -> int:
        return int(vars(self)["batch"].max()) + 1

    def to_dict(self) -> dict[str, torch.Tensor]:
        return dict(vars(self))

    def to(self, device: Any) -> "Batch":
        return Batch(**{name: each.to(device) for name, each in vars(self).items()})


def batches(sizes: list[list[int]], *, of_nodes: bool, features: int = 5) -> list[Batch]:
    """Batches of graphs with these numbers of nodes, in rings; labels of nodes or of graphs."""
    torch.manual_seed(1)
    made = []
    for graphs in sizes:
        starts = np.cumsum([0, *graphs[:-1]])
        edges = [
            torch.stack([torch.arange(size), torch.arange(size).roll(1)]) + int(start)
            for start, size in zip(starts, graphs, strict=True)
        ]
        made.append(
            Batch(
                x=torch.randn(sum(graphs), features),
                edge_index=torch.cat(edges, 1),
                batch=torch.arange(len(graphs)).repeat_interleave(torch.tensor(graphs)),
                y=torch.arange(sum(graphs) if of_nodes else len(graphs)) % 3,
            )
        )
    return made


class Convolution(nn.Module):
    """Adds up the messages of the neighbours."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.lin = nn.Linear(inner, outer)

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        messages = self.lin(x)
        return messages.index_add(0, edge_index[1], messages[edge_index[0]])


class Nodes(nn.Module):
    """Classes of nodes."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.conv, self.head = Convolution(5, width), nn.Linear(width, 3)

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.head(self.conv(x, edge_index).relu())
        return result


class Graphs(Nodes):
    """Classes of graphs; takes the batch as a whole."""

    def forward(self, data: Any) -> torch.Tensor:  # type: ignore[override]
        nodes = self.conv(data.x, data.edge_index).relu()
        pooled = torch.zeros(data.num_graphs, nodes.shape[1]).index_add(0, data.batch, nodes)
        result: torch.Tensor = self.head(pooled)
        return result


def check(directory: Path, model: nn.Module, data: list[Any], names: list[str], **options: Any) -> None:
    """Holds what is logged of these layers against plain hooks on the same batches."""
    model.eval()
    expected: dict[str, list[torch.Tensor]] = {}
    modules = dict(model.named_modules())
    handles = [
        modules[name].register_forward_hook(
            lambda module, args, output, name=name: expected.setdefault(name, []).append(output)
        )
        for name in names
    ]
    with torch.no_grad():
        for batch in data:
            model(batch) if isinstance(model, Graphs) else model(batch.x, batch.edge_index)
    for handle in handles:
        handle.remove()
    snapshot = logged(directory, model, data, **options)
    order = np.asarray(snapshot.instances["id"])
    assert sorted(order) == list(range(sum(len(batch.y) for batch in data)))
    for name in names:
        np.testing.assert_allclose(
            snapshot.activations(name), torch.cat(expected[name]).numpy()[order], rtol=2e-3, atol=2e-3, err_msg=name
        )
    labels = torch.cat([batch.y for batch in data])[torch.from_numpy(order.copy())]
    assert [int(label) for label in snapshot.instances["label"].to_pylist()] == labels.tolist()


SIZES = [[4, 6, 3, 5, 7], [3, 4], [6]]


@pytest.mark.parametrize("width", [8, 5, 25])
@pytest.mark.parametrize("options", [{}, {"unpack": lambda batch: ((batch.x, batch.edge_index), batch.y)}])
def test_nodes_are_instances(tmp_path: Path, width: int, options: dict[str, Any]) -> None:
    """Also where a layer is as wide as a batch has nodes."""
    torch.manual_seed(0)
    check(tmp_path, Nodes(width), batches(SIZES, of_nodes=True), ["conv", "conv.lin", "head"], layers=["*"], **options)


@pytest.mark.parametrize("width", [8, 5])
@pytest.mark.parametrize("options", [{}, {"unpack": lambda batch: (batch, batch.y)}])
def test_graphs_are_instances(tmp_path: Path, width: int, options: dict[str, Any]) -> None:
    """What has a row per graph is recorded, also where a layer is as wide as there are graphs."""
    torch.manual_seed(0)
    check(tmp_path, Graphs(width), batches(SIZES, of_nodes=False), ["head"], **options)


@pytest.mark.skipif(importlib.util.find_spec("torch_geometric") is None, reason="needs torch_geometric")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # while it is imported
@pytest.mark.parametrize("of_nodes", [True, False])
def test_batches_of_pytorch_geometric(tmp_path: Path, of_nodes: bool) -> None:
    data = importlib.import_module("torch_geometric.data")
    made = []
    for each in batches(SIZES, of_nodes=of_nodes):
        whole = data.Data(**{name: value for name, value in each.to_dict().items() if name != "batch"})
        whole.batch = each.to_dict()["batch"]
        made.append(whole)
    torch.manual_seed(0)
    model = Nodes() if of_nodes else Graphs()
    if not of_nodes:
        loader = importlib.import_module("torch_geometric.loader").DataLoader
        graphs = [
            data.Data(x=torch.randn(4 + n % 3, 5), edge_index=torch.tensor([[0, 1], [1, 2]]), y=n % 3) for n in range(9)
        ]
        made = list(loader(graphs, batch_size=4))
    check(tmp_path, model, made, ["conv", "head"] if of_nodes else ["head"], layers=["*"])
