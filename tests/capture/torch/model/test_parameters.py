"""Parameters, frozen ones and buffers of every node, counted by hand; device, dtype and lazy parameters of a model."""

import warnings

import torch
from torch import nn

from tensorboard_activis.capture.torch.graph.tracer import record_graph
from tensorboard_activis.capture.torch.model.evaluation_mode import evaluation_mode
from tensorboard_activis.capture.torch.model.parameters import is_lazy, model_device, parameter_dtype
from tensorboard_activis.schema import Node


def nodes(model: nn.Module, x: torch.Tensor) -> dict[str, Node]:
    with evaluation_mode(model):
        return {node.key: node for node in record_graph(model, (x,), {}, x.shape[0]).nodes}


def test_parameters_frozen_ones_and_buffers() -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Sequential(nn.Linear(5, 2, bias=False)))
    model[0].weight.requires_grad_(False)
    graph_nodes = nodes(model, torch.randn(7, 3))
    counts = {
        key: (node.parameters, node.attributes.get("frozen"), node.attributes.get("buffers"))
        for key, node in graph_nodes.items()
    }
    assert counts["0"] == (3 * 5 + 5, "15", None)
    assert counts["1"] == (5 + 5, None, "11")  # running mean and variance, and the number of batches
    assert counts["2.0"] == (10, None, None)
    assert counts["2"] == (10, None, None)
    assert counts[""] == (20 + 10 + 10, "15", "11")
    assert counts["/input"] == (0, None, None)


def test_shared_weights_count_once_in_what_holds_both() -> None:
    model = nn.Sequential(nn.Embedding(1300, 3), nn.Linear(3, 1300, bias=False))
    model[1].weight = model[0].weight
    model[0].weight.requires_grad_(False)
    graph_nodes = nodes(model, torch.arange(7))
    assert [graph_nodes[key].parameters for key in ("", "0", "1")] == [3900, 3900, 3900]
    assert graph_nodes[""].attributes["frozen"] == "3,900"
    assert graph_nodes["1"].attributes["shared weights"] == "with 0"
    assert "shared weights" not in graph_nodes["0"].attributes


def test_quantized_layers_say_so() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.ao is on its way out
        model = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(3, 5)), {nn.Linear}, dtype=torch.qint8)
    graph_nodes = nodes(model, torch.randn(7, 3))["0"]
    assert (graph_nodes.type, graph_nodes.parameters) == ("Linear", 0)
    assert graph_nodes.attributes["quantized"] == "weights are packed integers, which are not counted as parameters"


def test_lazy_parameters_have_no_number_yet() -> None:
    graph_nodes = nodes(nn.Sequential(nn.LazyLinear(5), nn.LazyBatchNorm1d()), torch.randn(7, 3))
    assert graph_nodes["0"].parameters == 3 * 5 + 5  # this pass made them


def test_device_dtype_and_laziness() -> None:
    assert model_device(nn.Linear(2, 2, device="meta")).type == "meta"
    assert model_device(nn.ReLU()).type == "cpu"
    assert parameter_dtype(nn.Linear(2, 2).half()) == torch.float16
    assert parameter_dtype(nn.Sequential(nn.Linear(2, 2).half(), nn.Linear(2, 2))) is None
    assert is_lazy(nn.LazyLinear(2))
    assert not is_lazy(nn.Linear(2, 2))
