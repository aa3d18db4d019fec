"""What is shown of one Keras layer: its shapes, its settings, and which axis of its output holds the neurons."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from tensorboard_activis.schema import Shape

# Settings that a person wants to see, in this order; the second is the value that goes without saying.
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
_SHOWN_AS = {
    "kernel_size": "kernel",
    "pool_size": "pool",
    "strides": "stride",
    "dilation_rate": "dilation",
    "target_shape": "shape",
}


@dataclass(slots=True)
class Draft:
    """A graph node while the graph is being found. `operation` is None for the model's inputs and outputs."""

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
        return self.kind if self.operation is None else type(self.operation).__name__


def shape_of(tensor: Any) -> Shape:
    """Shape of a symbolic or traced tensor, -1 where the size is open."""
    sizes = tuple(-1 if size is None else int(size) for size in tensor.shape)
    return Shape(sizes, keras.backend.standardize_dtype(tensor.dtype))


def data_inputs(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
    """Everything flat that a call was given, without the masks that Keras passes along by itself."""
    masks = {name for name in kwargs if name == "mask" or name.endswith("_mask")} - {"attention_mask"}
    flat: list[Any] = keras.tree.flatten((args, {name: value for name, value in kwargs.items() if name not in masks}))
    return flat


def neuron_axis(operation: Any, output: Any, inputs: list[Any], axes: Mapping[int, int]) -> int:
    """The axis of `output` that holds the neurons, counted without the batch axis.

    Layers that say where their channels are decide; those that keep the shape keep their input's axis; all others, and
    everything with one axis, have the neurons last.

    Arguments:
        inputs: tensors that went into the call.
        axes: the neuron axis by `id` of the tensors seen before.
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
    """Whether the operation computes new features along the last axis, so that these are its neurons."""
    return isinstance(
        operation, keras.layers.Dense | keras.layers.EinsumDense | keras.layers.RNN | keras.layers.MultiHeadAttention
    )


def count_parameters(operation: Any) -> int:
    """Number of weights, with those of the layers inside, as `model.summary()` counts them; 0 before they are made."""
    if not isinstance(operation, keras.layers.Layer):
        return 0
    return sum(math.prod(weight.shape) for weight in operation.weights)


def attributes(operation: Any) -> dict[str, str]:
    """Settings worth showing, as short text: {"kernel": "3×3", "filters": "32"}."""
    if not isinstance(operation, keras.layers.Layer) or isinstance(operation, keras.Model):
        return {}
    found = {}
    for name, usual in _SETTINGS:
        value = getattr(operation, name, None)
        text = _text(value)
        if text and value != usual and text != _text(usual) and set(text.split("×")) != {str(usual)}:
            found[_SHOWN_AS.get(name, name)] = text
    policy = operation.dtype_policy.name
    if policy != keras.config.floatx():
        found["dtype"] = policy
    return found


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
