"""Reduces a layer's output to one float32 number per neuron and instance, on its own device."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from tensorboard_activis.capture.reducers import Reducer, check_reduced, each_position, no_positions_error
from tensorboard_activis.capture.torch.graph.axes import Axes
from tensorboard_activis.capture.torch.model.modules import TensorOrPacked, nested_lengths
from tensorboard_activis.capture.torch.model.thread_state import without_autocast
from tensorboard_activis.errors import ActiVisError


class NoInstancesError(ActiVisError):
    """An output does not have one row per instance."""


def torch_convert(values: np.ndarray) -> np.ndarray:
    """float32 to float16, as `summarize.float16.Convert`."""
    result: np.ndarray = torch.from_numpy(np.ascontiguousarray(values)).to(torch.float16).numpy()
    return result


@dataclass(frozen=True)
class Output:
    """A layer's output, with its axes found.

    Attributes:
        tensor: detached, padded where it was packed or nested.
        batch, neurons: axes of instances and neurons; both 0 where there is one number per instance.
        others: the axes of positions.
        mask: bool [instances, positions], False in padding, if there is an axis of that length: the first of `others`.
        unplaced: how many positions have no value, because the sequences were packed or nested and the batch does not say which
            of its positions these are.
    """

    tensor: torch.Tensor
    batch: int
    neurons: int
    others: tuple[int, ...]
    mask: torch.Tensor | None
    unplaced: int = 0

    @property
    def ordered(self) -> torch.Tensor:
        """A view [instances, neurons, *positions]."""
        return self.tensor.permute(self.batch, self.neurons, *self.others)


def read_output(tensor: TensorOrPacked, axes: Axes, instances: int, mask: torch.Tensor | None = None) -> Output:
    """Finds the axes of a layer's output.

    Arguments:
        tensor: the raw output of a layer.
        axes: which of its axes are instances and neurons.
        instances: in the batch.
        mask: bool [instances, positions], False where there is no data; used if the output has an axis of that length.

    Raises:
        NoInstancesError: the output does not have one row per instance.
    """
    # Not `no_grad`: Ctrl-C in its `__enter__`, in a pass of the user's, would leave gradients off.
    unplaced = 0
    if isinstance(tensor, PackedSequence) or tensor.is_nested:
        tensor, mask, unplaced = _padded(tensor, mask)
    tensor = tensor.detach()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.is_complex():
        tensor = tensor.abs()
    if axes.flattened and axes.batch is not None and tensor.shape[axes.batch] % instances == 0:
        shape, axes = axes.unflattened(tensor.shape, instances)
        tensor = tensor.reshape(shape)
    rank = tensor.dim()
    batch = 0 if axes.batch is None else axes.batch
    if rank == 0 or batch >= rank or tensor.shape[batch] != instances:
        raise NoInstancesError(
            f"An output of shape {tuple(tensor.shape)} does not have one row for each of {instances} instances."
        )
    if rank == 1:
        return Output(tensor, 0, 0, (), None)
    if rank == 2:
        return Output(tensor, batch, 1 - batch, (), None)
    neurons = axes.neuron_axis(rank)
    others = [axis for axis in range(rank) if axis not in (batch, neurons)]
    sequence = None if mask is None else next((axis for axis in others if tensor.shape[axis] == mask.shape[1]), None)
    if sequence is None:
        return Output(tensor, batch, neurons, tuple(others), None)
    positions = (sequence, *(axis for axis in others if axis != sequence))
    return Output(tensor, batch, neurons, positions, mask, unplaced)


def reduce_activations(
    tensor: TensorOrPacked, axes: Axes, instances: int, reducer: Reducer = "mean", mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Reduces a raw output; arguments as those of `read_output`, returns and raises as `reduce_output`."""
    return reduce_output(read_output(tensor, axes, instances, mask), reducer)


def reduce_output(output: Output, reducer: Reducer = "mean") -> torch.Tensor:
    """Reduces a layer's output over all axes but instances and neurons; always a copy, because in-place operators may overwrite it.

    Returns:
        float32 [instances, neurons], on the same device; with the reducer `each_position` [instances, *positions, neurons].

    Raises:
        ActiVisError: the reducer cannot be used.
    """
    tensor, batch, neurons, others = output.tensor, output.batch, output.neurons, list(output.others)
    if reducer is each_position:
        if not others:
            raise NoInstancesError(f"An output of shape {tuple(tensor.shape)} has no positions.")
        values = tensor.permute(batch, *sorted(others), neurons).clone(memory_format=torch.contiguous_format)
        if output.unplaced and output.mask is not None and len(others) == 1:
            values[~output.mask] = torch.nan
        return values
    if tensor.dim() == 1:
        return tensor.to(torch.float32, copy=True)[:, None]
    if not others:
        values = tensor if batch == 0 else tensor.T
        return values.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
    if output.mask is None and reducer == "mean":
        reduced = (
            tensor.mean(others, dtype=torch.float32) if tensor.is_floating_point() else tensor.float().mean(others)
        )
    elif output.mask is None and reducer == "max":
        reduced = tensor.amax(others).to(torch.float32)
    else:
        return _over_positions(output, reducer)
    return reduced if batch < neurons else reduced.T.contiguous()


def _over_positions(output: Output, reducer: Reducer) -> torch.Tensor:
    """Reduces any tensor, with padding mask, as [instances, neurons, positions]."""
    tensor, mask, ordered = output.tensor, output.mask, output.ordered
    repeat = 1
    for size in ordered.shape[3:]:
        repeat *= size
    values = ordered.reshape(ordered.shape[0], ordered.shape[1], -1).to(torch.float32)
    real = None
    if mask is not None:
        real = mask.to(device=tensor.device, dtype=torch.bool).repeat_interleave(repeat, dim=1)
    if callable(reducer):
        reduced: torch.Tensor = reducer(values, real)
        check_reduced(reducer, values.shape, reduced.shape)
        return reduced.to(torch.float32)
    if reducer == "none":
        raise no_positions_error(tensor.shape)
    if real is None:
        real = torch.ones(values.shape[0], values.shape[2], dtype=torch.bool, device=values.device)
    return _REDUCTIONS[reducer](values, real).masked_fill(~real.any(1)[:, None], torch.nan)


def _mean(values: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    count = real.sum(1, keepdim=True)
    if values.device.type == "cpu":  # elsewhere the look at the result would wait for the device
        # A tenth of the time; but a weight of 0 does not take away a NaN or an infinity in the padding.
        weights = real.to(values.dtype)[:, None]
        means = without_autocast("cpu", lambda: torch.bmm(weights, values.transpose(1, 2))[:, 0] / count)
        if bool(means.isfinite().all()):
            return means
    return values.masked_fill(~real[:, None], 0).sum(2) / count


def _max(values: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    return values.masked_fill(~real[:, None], -torch.inf).amax(2)


def _std(values: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """The population standard deviation, from deviations, so that a large mean costs no digits."""
    deviations = (values - _mean(values, real)[:, :, None]).masked_fill(~real[:, None], 0)
    return (deviations.square().sum(2) / real.sum(1, keepdim=True)).sqrt()


def _first(values: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    positions = torch.arange(real.shape[1], device=real.device)
    return _at(values, torch.where(real, positions, real.shape[1]).amin(1).clamp(max=real.shape[1] - 1))


def _last(values: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    # Not the number of real positions minus one: padding may be on the left.
    positions = torch.arange(real.shape[1], device=real.device)
    return _at(values, torch.where(real, positions, -1).amax(1).clamp(min=0))


def _at(values: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    return values.gather(2, position[:, None, None].expand(-1, values.shape[1], 1))[:, :, 0]


#: By name, functions of values float32 [instances, neurons, positions] and real bool [instances, positions]. What they give
#: for an instance without a real position is replaced by NaN.
_REDUCTIONS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "mean": _mean,
    "max": _max,
    "std": _std,
    "first": _first,
    "last": _last,
}


def _padded(tensor: TensorOrPacked, mask: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Packed or nested sequences, padded, in the order of the instances; each value at its position in the batch, if that is known.

    Arguments:
        mask: that of the batch, perhaps.

    Returns:
        The tensor, its mask bool [instances, positions], and how many positions have no value that the batch does not call padding.
    """
    if isinstance(tensor, PackedSequence):
        padded, lengths = pad_packed_sequence(tensor, batch_first=True)
        lengths = lengths.to(padded.device)
    else:
        padded = torch.nested.to_padded_tensor(tensor.detach(), 0.0)
        lengths = nested_lengths(tensor)
    real = torch.arange(int(lengths.max()), device=padded.device) < lengths[:, None]
    if mask is None or mask.shape[0] != len(lengths) or real.shape[1] != padded.shape[1]:
        return padded, real, int((~real).sum())
    mask = mask.to(padded.device, torch.bool)
    if not torch.equal(mask.sum(1), lengths):
        return padded, real, int((~real).sum())
    if torch.equal(mask, real):
        return padded, real, 0
    placed = padded.new_zeros((*mask.shape, *padded.shape[2:]))
    placed[mask] = padded[real]
    return placed, mask, 0
