"""Compares every recorded layer of a model with plain hooks on passes over one instance at a time.

What a model computes of one instance alone belongs to that instance, whatever the axes are. So the numbers that are expected
need no instance axis, and follow from the raw outputs by a mean over all axes but that of the neurons.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.torch import ActiVisLogger


@dataclass
class Specimen:
    """A model and what it is evaluated on.

    Attributes:
        model: in evaluation mode.
        inputs: by name of the argument of its forward, [instances, ...].
        labels: [instances, ...]; None without.
        shared: inputs that are the same for all instances.
        lost: modules, by a regular expression, that are not recorded though their outputs are as large as those of others.
        options: of the logger.
    """

    model: nn.Module
    inputs: dict[str, torch.Tensor]
    labels: torch.Tensor | None = None
    shared: dict[str, Any] = field(default_factory=dict)
    lost: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def instances(self) -> int:
        return len(next(iter(self.inputs.values())))

    def batches(self, size: int) -> list[dict[str, Any]]:
        """The data, as a list of batches."""
        whole = self.inputs if self.labels is None else {**self.inputs, "labels": self.labels}
        return [
            {**{name: tensor[start : start + size] for name, tensor in whole.items()}, **self.shared}
            for start in range(0, self.instances, size)
        ]


def check_layers(directory: Path, specimen: Specimen, sizes: Sequence[int], *, default: bool = False) -> None:
    """Holds what is logged of all modules in batches of these sizes against plain hooks, by id.

    Arguments:
        directory: for the runs.
        specimen: what is logged.
        sizes: of the batches.
        default: whether the default layers are logged as well, in batches of the last size.
    """
    alone = [outputs_of(specimen, [index]) for index in range(specimen.instances)]
    recordable = with_rows(specimen)
    passes: list[tuple[int, list[str] | None]] = [(size, ["*"]) for size in sizes]
    for size, layers in [*passes, (sizes[-1], None)] if default else passes:
        snapshot = logged(directory / f"{size}-{layers}", specimen, size, layers)
        order = np.asarray(snapshot.instances["id"])
        assert sorted(order) == list(range(specimen.instances))
        assert list(snapshot.layers)
        if layers is not None:
            missing = {name for name in recordable if not {name, f"{name}[0]"} & set(snapshot.layers)}
            assert missing == set(), f"not recorded: {sorted(missing)}"
        for name in snapshot.layers:
            if "/" not in name:
                expected = np.stack([expected_row(specimen, snapshot, name, alone[index], index) for index in order])
                check_values(snapshot, name, expected)
                check_width(specimen.model, name, snapshot)
        check_predictions(specimen, snapshot, [alone[index][""][0] for index in order])


def check_values(snapshot: SnapshotReader, layer: str, expected: np.ndarray) -> None:
    """Holds the activations of a layer and their mean against those expected, [instances, neurons] in the snapshot's order."""
    actual = snapshot.activations(layer)
    assert actual.shape == expected.shape, f"{layer}: {actual.shape}, not {expected.shape}"
    largest = np.finfo(np.float16).max
    tolerance = 2e-3 * max(1.0, float(np.abs(expected[np.abs(expected) < largest]).max(initial=0)))
    clipped = expected.clip(-largest, largest)
    np.testing.assert_allclose(actual, clipped, rtol=3e-3, atol=tolerance, err_msg=layer)
    mean = snapshot.summary(layer).mean[0]
    np.testing.assert_allclose(mean, expected.mean(0), rtol=1e-3, atol=tolerance, err_msg=layer)


def check_predictions(specimen: Specimen, snapshot: SnapshotReader, outputs: Sequence[Any]) -> None:
    """Holds the predicted classes against the highest logits, where there are labels."""
    if specimen.labels is None:
        return
    logits = [output["logits"] if isinstance(output, dict) else output for output in outputs]
    expected = [int(each.reshape(-1).argmax()) for each in logits]
    assert [int(name) for name in snapshot.instances["prediction"].to_pylist()] == expected


def logged(directory: Path, specimen: Specimen, size: int, layers: Sequence[str] | None) -> SnapshotReader:
    """The snapshot of one pass in batches of a size, with faults raised."""
    chosen = None if layers is None else list(layers)
    options = {"strict": True, **specimen.options}
    with ActiVisLogger(directory, specimen.model, specimen.batches(size), layers=chosen, **options) as logger:
        logger.log(0)
    return open_run(directory).latest


def outputs_of(specimen: Specimen, rows: Sequence[int]) -> dict[str, list[Any]]:
    """The outputs of every call of every module on some instances, by plain hooks that copy them."""
    outputs: dict[str, list[Any]] = {}

    def hook(name: str) -> Any:
        return lambda module, args, output: outputs.setdefault(name, []).append(_copied(output))

    handles = [module.register_forward_hook(hook(name)) for name, module in specimen.model.named_modules()]
    try:
        with torch.no_grad():
            specimen.model(**{name: tensor[list(rows)] for name, tensor in specimen.inputs.items()}, **specimen.shared)
    finally:
        for handle in handles:
            handle.remove()
    return outputs


def expected_row(
    specimen: Specimen, snapshot: SnapshotReader, name: str, alone: dict[str, list[Any]], index: int
) -> np.ndarray:
    """The activations of one instance, float [neurons]: the mean over all axes but that of the neurons, and over no padding."""
    tensor = output_of_layer(alone, name)
    info = snapshot.layers[name].info
    sizes = info.shape.sizes
    if len(sizes) == 1:
        return tensor.double().numpy().reshape(1)
    batch = sizes.index(-1)
    axis = info.axis + (batch <= info.axis) - len(sizes)  # counted from the end
    values = tensor.double().movedim(axis, -1)
    mask = specimen.inputs.get("attention_mask")
    if mask is not None and not bool(mask[index].all()):
        positions = [place for place, size in enumerate(values.shape[:-1]) if size == mask.shape[1]]
        if positions:
            values = values.movedim(positions[0], 0)[mask[index].bool()]
    return np.asarray(values.reshape(-1, values.shape[-1]).mean(0))


def output_of_layer(outputs: dict[str, list[Any]], layer: str) -> torch.Tensor:
    """The tensor that a layer's name means: `module@call[key]`."""
    match = re.fullmatch(r"(.*?)(?:@(\d+))?((?:\[[^\[\]]*\])*)", layer)
    assert match is not None
    value = outputs[match[1]][int(match[2] or 0)]
    for key in re.findall(r"\[([^\[\]]*)\]", match[3]):
        value = value[int(key)] if isinstance(value, (list, tuple)) else value[key]
    while not isinstance(value, torch.Tensor):
        tensors = [each for each in (value.values() if hasattr(value, "values") else value) if each is not None]
        value = tensors[0]
    return value


def with_rows(specimen: Specimen) -> set[str]:
    """Modules whose output has a row, or equally many, for each instance: one of its axes grows in proportion to the instances.

    Without those that `specimen.lost` names.
    """
    larger, smaller = specimen.instances, specimen.instances - 1
    first, second = outputs_of(specimen, range(larger)), outputs_of(specimen, range(smaller))
    names = set()
    for name, calls in first.items():
        value, other = calls[0], second.get(name, [None])[0]
        if not name or not isinstance(value, torch.Tensor) or not isinstance(other, torch.Tensor) or 0 in value.shape:
            continue
        if not value.is_floating_point() or value.dim() != other.dim():
            continue
        changing = [axis for axis in range(value.dim()) if value.shape[axis] != other.shape[axis]]
        if len(changing) == 1 and value.shape[changing[0]] * smaller == other.shape[changing[0]] * larger:
            names.add(name)
    return {name for name in names if not (specimen.lost and re.fullmatch(specimen.lost, name))}


def check_width(model: nn.Module, layer: str, snapshot: SnapshotReader) -> None:
    """Holds the number of neurons against what the module says of itself."""
    module = dict(model.named_modules()).get(layer.partition("@")[0])
    kind = type(module).__name__
    for base, attribute in (
        ("Linear", "out_features"),
        ("Conv1d", "out_channels"),
        ("Conv2d", "out_channels"),
        ("Conv3d", "out_channels"),
        ("Embedding", "embedding_dim"),
        ("BatchNorm2d", "num_features"),
        ("GroupNorm", "num_channels"),
        ("Conv1D", "nf"),
    ):
        if kind == base:
            assert snapshot.layers[layer].info.neurons == getattr(module, attribute), layer
    if isinstance(module, nn.LayerNorm) and kind == "LayerNorm":
        assert snapshot.layers[layer].info.neurons == module.normalized_shape[-1], layer


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if hasattr(value, "items"):
        return {key: _copied(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copied(inner) for inner in value]
    if isinstance(value, nn.utils.rnn.PackedSequence):
        return nn.utils.rnn.pad_packed_sequence(value, batch_first=True)[0]
    return value
