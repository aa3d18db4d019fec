"""Changes neurons in a forward pass: each becomes `factor * output + shift`, whose gradients are those by neuron and instance."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.nn.utils.rnn import PackedSequence

from tensorboard_activis.capture.reducers import Reducer
from tensorboard_activis.capture.torch.attention.calls import AttentionCall
from tensorboard_activis.capture.torch.attention.figures import Heads
from tensorboard_activis.capture.torch.graph.layer_outputs import HEADS, LayerOutput
from tensorboard_activis.capture.torch.hooks import ActivationHooks
from tensorboard_activis.capture.torch.model.modules import TensorOrPacked
from tensorboard_activis.capture.torch.reduce import read_output

#: Gives, for a layer and its number of neurons, factor and shift, each [instances, neurons]; None: it is left alone.
Tap = Callable[[str, int], tuple[torch.Tensor, torch.Tensor] | None]


class TapHooks(ActivationHooks):
    """Hooks on layers that change their outputs while a pass runs; arguments as of `ActivationHooks`.

    Arguments:
        tap: what becomes of a layer.

    Attributes:
        failures: layers that could not be changed, with the reason.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        layer_outputs: Mapping[str, LayerOutput],
        reducers: Mapping[str, Reducer],
        tap: Tap,
    ) -> None:
        figures = {key: each for key, each in layer_outputs.items() if _is_figure(each)}
        super().__init__(model, {key: each for key, each in layer_outputs.items() if key not in figures}, reducers)
        self._tap = tap
        self._change_heads = self._changed_heads
        self.failures |= dict.fromkeys(figures, "it says where heads look, which is computed beside the model.")

    def _take(self, key: str, layer_output: LayerOutput, tensor: Any) -> TensorOrPacked | None:
        tapped = None if key in self.failures else self._tap(key, self._widths[key])
        if tapped is None:
            return None
        try:
            self._reduce(key, layer_output, tensor)
            if key in self.failures:
                return None
            return changed(tensor, layer_output, self._instances, self._mask, *tapped)
        except Exception as error:
            self.failures[key] = str(error).splitlines()[0] if str(error) else type(error).__name__
            return None

    def _on_attention(self, attention: AttentionCall) -> None:
        """Nothing: `_changed_heads` came before."""

    def _changed_heads(self, attention: AttentionCall, output: Any) -> Any:
        """The output of an attention, with heads scaled."""
        if self._pass is None:
            return output
        call_site = self._stack.operator(HEADS)
        wanted = self._heads.get((call_site[0].path, call_site[0].call, call_site[1])) if call_site else None
        if not wanted or "" not in wanted:
            return output
        key, layer_output = wanted[""]
        tapped = None if key in self.failures else self._tap(key, self._widths[key])
        heads = Heads.of(attention, self._instances, layer_output.neurons) if tapped is not None else None
        if tapped is None or heads is None:
            return output
        self._reduce(key, layer_output, heads.norms())
        if key in self.failures or key not in self._activations:
            return output
        factor, shift = tapped
        norms = self._activations[key]
        # Heads have a length: what is added to it is a factor as well.
        added = torch.where(norms > 0, shift / norms.clamp_min(torch.finfo(norms.dtype).tiny), 0.0)
        scale = (factor + added).repeat_interleave(heads.windows, 0)[:, :, None, None]
        if self._mask is not None and heads.windows == 1 and self._mask.shape[1] == heads.output.shape[2]:
            real = self._mask.to(device=scale.device, dtype=scale.dtype)[:, None, :, None]
            scale = 1 + (scale - 1) * real
        scale = scale.expand(*heads.output.shape[:3], 1).reshape(*attention.output.shape[:-1], 1)
        scaled = (attention.output * scale).to(attention.output.dtype)
        if attention.output is output:
            return scaled
        attention.output.copy_(scaled)  # a view of the output with other axes
        return output


def _is_figure(layer_output: LayerOutput) -> bool:
    location = layer_output.location
    return location.operator == HEADS and bool(location.key_path)


def changed(
    tensor: TensorOrPacked,
    layer_output: LayerOutput,
    instances: int,
    mask: torch.Tensor | None,
    factor: torch.Tensor,
    shift: torch.Tensor,
) -> TensorOrPacked:
    """A layer's output with neurons changed: `factor * output + shift`, in padding as it was.

    Arguments:
        tensor: the raw output.
        layer_output: says its axes.
        instances: in the batch.
        mask: bool [instances, positions], False in padding; None without.
        factor, shift: float [instances, neurons].

    Raises:
        TypeError: it has no gradient.
    """
    if isinstance(tensor, PackedSequence):
        order = torch.cat([torch.arange(int(size), device=factor.device) for size in tensor.batch_sizes])
        order = order if tensor.sorted_indices is None else tensor.sorted_indices[order]
        values = tensor.data * factor[order] + shift[order]
        return tensor._replace(data=values.to(tensor.data.dtype))
    if tensor.is_nested or tensor.is_quantized or not tensor.is_floating_point():
        kind = "nested" if tensor.is_nested else str(tensor.dtype).removeprefix("torch.")
        raise TypeError(f"its output is {kind}, which has no gradient here.")
    output = read_output(tensor, layer_output.axes, instances, mask)
    batch, neurons, shape = output.batch, output.neurons, list(output.tensor.shape)
    whole = tensor.reshape(shape)
    if len(shape) == 1:
        return (whole * factor[:, 0] + shift[:, 0]).to(tensor.dtype).reshape(tensor.shape)
    sizes = [size if axis in (batch, neurons) else 1 for axis, size in enumerate(shape)]
    factor, shift = ((each if batch < neurons else each.T).reshape(sizes) for each in (factor, shift))
    if output.mask is not None:
        sequence = output.others[0]
        real = output.mask.to(device=tensor.device, dtype=factor.dtype)
        sizes = [size if axis in (batch, sequence) else 1 for axis, size in enumerate(shape)]
        real = (real if batch < sequence else real.T).reshape(sizes)
        factor, shift = 1 + (factor - 1) * real, shift * real
    return (whole * factor + shift).to(tensor.dtype).reshape(tensor.shape)
