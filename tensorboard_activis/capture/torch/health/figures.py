"""What one layer gives in the forward passes of one training step, as a few sums on its own device."""

import math
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from tensorboard_activis.capture.torch.health.routers import Router

#: Values of one output that the kurtosis is estimated from, evenly spaced.
MOST_VALUES = 1 << 16
#: Per layer: sum of squares, kurtosis, share of dead neurons, share of tokens of the busiest expert.
FIGURES = 4
_CHANNELS = ("Conv", "BatchNorm", "SyncBatchNorm", "InstanceNorm", "GroupNorm")


class LayerFigures:
    """Adds up the outputs of a layer over the calls of one training step: several where gradients are accumulated.

    Arguments:
        module: the layer.
        relu: whether its output goes into a ReLU, so that what is not above 0 is silent.
        router: how experts are chosen from its output; None for other layers.
    """

    def __init__(self, module: nn.Module, *, relu: bool, router: Router | None) -> None:
        names = [base.__name__ for base in type(module).__mro__]
        self._channels = any(name.startswith(_CHANNELS) for name in names)
        self._instance_axis = 1 if isinstance(module, nn.RNNBase) and not module.batch_first else 0
        self._relu, self._router = relu, router
        self.values = self.instances = 0
        self._squares: list[torch.Tensor] = []
        self._kurtosis: list[torch.Tensor] = []
        self._alive: torch.Tensor | None = None
        self._chosen: torch.Tensor | None = None
        self._tokens = 0

    def add(self, output: Any) -> None:
        """Adds the output of one call. Runs nothing that gradients flow through."""
        tensor = _first_tensor(output)
        if tensor is None or not tensor.numel():
            return
        tensor = tensor.detach()
        packed = isinstance(output, PackedSequence) or (
            isinstance(output, tuple) and isinstance(output[0], PackedSequence)
        )
        axis = 0 if packed or tensor.dim() < 2 else self._instance_axis
        self.instances += int(tensor.shape[axis])
        self.values += tensor.numel()
        norm = torch.linalg.vector_norm(tensor, dtype=torch.float32)
        self._squares.append(norm * norm)
        self._kurtosis.append(_kurtosis(tensor) * tensor.numel())
        if tensor.dim() > 1:
            alive = self._alive_neurons(tensor)
            self._alive = alive if self._alive is None or self._alive.shape != alive.shape else self._alive | alive
        if self._router is not None:
            chosen = self._router.chosen(output)
            if chosen is not None:
                counts = torch.bincount(
                    chosen.reshape(-1).clamp(0, self._router.experts - 1), minlength=self._router.experts
                )
                self._chosen = counts if self._chosen is None else self._chosen + counts
                self._tokens += chosen.numel() // max(1, self._router.count)

    def _alive_neurons(self, tensor: torch.Tensor) -> torch.Tensor:
        """Which neurons gave anything, bool [neurons]: above 0 where a ReLU follows, else anything but 0."""
        if self._channels and tensor.dim() > 2:
            low, high = tensor.flatten(2).aminmax(dim=2)
            low, high = low.amin(dim=0), high.amax(dim=0)
        else:
            low, high = tensor.reshape(-1, tensor.shape[-1]).aminmax(dim=0)
        alive = high > 0 if self._relu else (high != 0) | (low != 0)
        # A comparison with NaN is false, but what is not a number is not silent.
        return alive | high.isnan()

    def sums(self, device: torch.device) -> list[torch.Tensor]:
        """The figures, float32 scalars: sum of squares, kurtosis, dead share, load; NaN for what is not known."""
        unknown = torch.full((), math.nan, device=device)
        if not self._squares:
            return [unknown] * FIGURES
        squares = torch.stack(self._squares).sum()
        kurtosis = torch.stack(self._kurtosis).sum() / self.values
        dead = unknown if self._alive is None else 1 - self._alive.float().mean()
        load = unknown if self._chosen is None else self._chosen.max() / max(1, self._tokens)
        return [each.to(device, torch.float32) for each in (squares, kurtosis, dead, load)]


def _first_tensor(output: Any) -> torch.Tensor | None:
    """The first tensor of floating-point values in what a module returns."""
    if isinstance(output, torch.Tensor):
        usable = output.is_floating_point() and not output.is_sparse and not output.is_nested
        return output if usable else None
    if isinstance(output, PackedSequence):
        return output.data
    parts = output.values() if isinstance(output, dict) else output if isinstance(output, tuple | list) else ()
    return next((tensor for part in parts if (tensor := _first_tensor(part)) is not None), None)


def _kurtosis(tensor: torch.Tensor) -> torch.Tensor:
    """Fourth central moment ÷ squared variance, of at most `MOST_VALUES` values; NaN where all are equal."""
    flat = tensor.reshape(-1) if tensor.is_contiguous() else tensor.flatten()
    flat = flat[:: -(-flat.numel() // MOST_VALUES)].float()
    squares = (flat - flat.mean()).square()
    variance = squares.mean()
    return squares.square().mean() / (variance * variance)
