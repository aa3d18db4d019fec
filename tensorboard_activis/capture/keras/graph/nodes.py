"""Properties of one node of a Keras graph: name, shapes, number of parameters, attributes and neuron axis."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from tensorboard_activis.schema import Shape

# Settings that are shown, in this order, each with the default value that is not shown.
_SETTINGS: tuple[tuple[str, Any], ...] = (
    ("kernel_size", None),
    ("pool_size", None),
    ("filters", None),
    ("units", None),
    ("num_heads", None),
    ("key_dim", None),
    ("input_dim", None),
    ("output_dim", None),
    ("strides", 1),
    ("padding", "valid"),
    ("dilation_rate", 1),
    ("groups", 1),
    ("depth_multiplier", 1),
    ("rate", None),
    ("axis", None),
    ("target_shape", None),
    ("dims", None),
    ("size", None),
    ("activation", "linear"),
    ("recurrent_activation", None),
    ("return_sequences", False),
    ("return_state", False),
    ("go_backwards", False),
    ("stateful", False),
    ("mask_zero", False),
    ("use_bias", True),
    ("data_format", "channels_last"),
    ("trainable", True),
)
_SHORT_NAMES = {
    "kernel_size": "kernel",
    "pool_size": "pool",
    "strides": "stride",
    "dilation_rate": "dilation",
    "target_shape": "shape",
}


@dataclass(slots=True)
class DraftNode:
    """A node while the graph is built.

    `operation` is None for the model's inputs and outputs, and for the heads of attention, whose type is `label`.
    """

    key: str
    parent: str | None
    kind: str
    operation: Any
    path: str
    number: int
    outputs: tuple[Shape, ...] = ()
    axis: int = 0
    calls: int | None = None
    observable: bool = True
    closed: bool = False
    replayed: bool = False
    label: str = ""

    def __post_init__(self) -> None:
        self.observable = self.kind in ("module", "operator")

    @property
    def name(self) -> str:
        """The key's last part; of the model itself, its class."""
        if self.key == "":
            return self.type
        if self.parent and self.key.startswith(self.parent):
            return self.key[len(self.parent) :].lstrip("./")
        if self.parent and self.operation is not None:  # inside a second call, `outer@1`, is `outer.inner@1`
            return f"{self.operation.name}@{self.number}" if self.number else str(self.operation.name)
        return self.key.lstrip("/")

    @property
    def type(self) -> str:
        return self.label or (self.kind if self.operation is None else type(self.operation).__name__)


def tensor_shape(tensor: Any) -> Shape:
    """Shape of a symbolic or traced tensor, -1 where the size is open."""
    sizes = tuple(-1 if size is None else int(size) for size in tensor.shape)
    return Shape(sizes, keras.backend.standardize_dtype(tensor.dtype))


def data_inputs(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
    """All arguments of a call, flat, without the masks that Keras adds."""
    masks = {name for name in kwargs if name == "mask" or name.endswith("_mask")} - {"attention_mask"}
    flat: list[Any] = keras.tree.flatten((args, {name: value for name, value in kwargs.items() if name not in masks}))
    return flat


def neuron_axis(operation: Any, output: Any, inputs: list[Any], axes: Mapping[int, int]) -> int:
    """The neuron axis of `output`, counted without the batch axis.

    It follows from the settings of layers with channels; layers that keep the shape keep the axis of their input; of all others
    it is the last axis.

    Arguments:
        inputs: input tensors of the call.
        axes: by `id` of an earlier tensor, its neuron axis.
    """
    last = max(len(output.shape) - 2, 0)
    if last == 0:
        return 0
    if isinstance(operation, keras.layers.TimeDistributed):
        return 1 + neuron_axis(operation.layer, keras.KerasTensor(output.shape[1:]), [], axes)
    data_format = getattr(operation, "data_format", None)
    if data_format in ("channels_first", "channels_last"):
        return 0 if data_format == "channels_first" else last
    if isinstance(operation, keras.layers.BatchNormalization | keras.layers.GroupNormalization):
        axis = int(operation.axis)
        return axis - 1 if axis > 0 else last + 1 + axis
    if inputs and tuple(inputs[0].shape) == tuple(output.shape) and not _mixes_last_axis(operation):
        return axes.get(id(inputs[0]), last)
    return last


def _mixes_last_axis(operation: Any) -> bool:
    """Whether the operation computes new features along the last axis, which is then the neuron axis."""
    return isinstance(
        operation, keras.layers.Dense | keras.layers.EinsumDense | keras.layers.RNN | keras.layers.MultiHeadAttention
    )


def count_parameters(operation: Any) -> int:
    """Number of weights, including sublayers, as in `model.summary()`; 0 before the layer is built."""
    if not isinstance(operation, keras.layers.Layer):
        return 0
    return sum(math.prod(weight.shape) for weight in operation.weights)


def attributes(operation: Any) -> dict[str, str]:
    """Settings of a layer that differ from the default, as short texts: {"kernel": "3×3", "filters": "32"}."""
    if not isinstance(operation, keras.layers.Layer) or isinstance(operation, keras.Model):
        return {}
    texts = {}
    for name, default in _SETTINGS:
        value = getattr(operation, name, None)
        text = _text(value)
        if text and value != default and text != _text(default) and set(text.split("×")) != {str(default)}:
            texts[_SHORT_NAMES.get(name, name)] = text
    policy = operation.dtype_policy.name
    if policy != keras.config.floatx():
        texts["dtype"] = policy
    return texts


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return "×".join(map(str, value))
    if callable(value):
        return str(getattr(value, "__name__", type(value).__name__))
    return f"{value:g}" if isinstance(value, float) else str(value)
