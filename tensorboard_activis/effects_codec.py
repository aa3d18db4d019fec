"""Serialization of the effects of neurons on errors. Decoding checks all that can be known without reading their arrays."""

from tensorboard_activis import activis_pb2 as pb
from tensorboard_activis import schema
from tensorboard_activis.array_codec import decode_array, encode_array
from tensorboard_activis.errors import UnreadableError

#: How many neurons of a layer are tried on an instance, and how many are read.
TRIED_NEURONS, _MOST_TRIED = 5, 256


def encode_effects(effects: schema.Effects | None) -> pb.Effects | None:
    """The message of effects; None where there are none."""
    if effects is None:
        return None
    message = pb.Effects(wrong=effects.wrong)
    _encode(message, effects, ("instances", "tried", "before"))
    for name, layer in effects.layers.items():
        one = message.layers.add(layer=name)
        _encode(one, layer, ("gradient", "product", "neurons", "alone", "together"))
    return message


def decode_effects(message: pb.Snapshot, instances: int) -> schema.Effects | None:
    """The effects in the message of a snapshot; None where there are none. `instances`: how many were kept.

    Raises:
        UnreadableError: an array has another type or shape than the counts demand, or a layer is not one of the snapshot.
    """
    if not message.HasField("effects"):
        return None
    effects = message.effects
    neurons = {layer.name: layer.neurons for layer in message.layers}
    errors = _rows(effects, "instances", instances)
    if not errors.shape[0] <= effects.wrong <= instances:
        raise UnreadableError(
            f"There are effects on {errors.shape[0]} errors, of {effects.wrong} wrong instances; {instances} were kept."
        )
    tried = before = None
    if effects.HasField("tried"):
        tried = _rows(effects, "tried", instances)
        before = _array(effects, "before", "float32", tried.shape)
    layers = {}
    for layer in effects.layers:
        if layer.layer not in neurons or layer.layer in layers:
            raise UnreadableError(
                f"There are effects of the layer {layer.layer!r:.200}, which was not recorded or came before."
            )
        shape = (errors.shape[0], neurons[layer.layer])
        gradient = _array(layer, "gradient", "float32", shape)
        product = _array(layer, "product", "float32", shape) if layer.HasField("product") else None
        layers[layer.layer] = schema.LayerEffects(gradient, product, *_tried(layer, tried))
    return schema.Effects(errors, effects.wrong, layers, tried, before)


def _tried(layer: pb.LayerEffects, tried: schema.Array | None) -> tuple[schema.Array | None, ...]:
    """The arrays of what was tried in a layer."""
    if tried is None or not layer.HasField("neurons"):
        return None, None, None
    k = layer.neurons.shape[1] if len(layer.neurons.shape) == 2 else 0
    if not 1 <= k <= _MOST_TRIED:
        raise UnreadableError(f"{k} neurons of layer {layer.layer!r:.200} were tried; 1 to {_MOST_TRIED} are read.")
    return (
        _array(layer, "neurons", "int32", (*tried.shape, k)),
        _array(layer, "alone", "float32", (*tried.shape, k)),
        _array(layer, "together", "float32", tried.shape),
    )


def _encode(
    message: pb.Effects | pb.LayerEffects, record: schema.Effects | schema.LayerEffects, names: tuple[str, ...]
) -> None:
    for name in names:
        array = getattr(record, name)
        if array is not None:
            getattr(message, name).CopyFrom(encode_array(array))


def _rows(effects: pb.Effects, name: str, instances: int) -> schema.Array:
    """An array of indices of kept instances, of which there cannot be more than these."""
    shape = tuple(getattr(effects, name).shape)
    if len(shape) != 1 or shape[0] > instances:
        raise UnreadableError(f"The {name} of effects have shape {shape[:8]}; {instances} instances were kept.")
    return _array(effects, name, "int32", shape)


def _array(owner: pb.Effects | pb.LayerEffects, name: str, dtype: str, shape: tuple[int, ...]) -> schema.Array:
    what = owner.layer if isinstance(owner, pb.LayerEffects) else ""
    found = decode_array(getattr(owner, name), f"{name} of effects of", what)
    if (found.dtype, found.shape) != (dtype, shape):
        raise UnreadableError(
            f"The {name} of effects of {what!r:.200} is {found.dtype} {found.shape}; {dtype} {shape} was expected."
        )
    return found
