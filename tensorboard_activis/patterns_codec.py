"""Serialization of the patterns of attention. Decoding checks all that can be known without reading their arrays."""

from tensorboard_activis import activis_pb2 as pb
from tensorboard_activis import schema
from tensorboard_activis.array_codec import decode_array, encode_array
from tensorboard_activis.errors import UnreadableError

#: Rows, and columns, of a pattern.
MAX_PATTERN = 1024


def encode_patterns(patterns: schema.Patterns | None) -> pb.Patterns | None:
    """The message of patterns."""
    if patterns is None:
        return None
    return pb.Patterns(shares=encode_array(patterns.shares), together=encode_array(patterns.together))


def decode_patterns(layer: pb.Layer, pinned: int) -> schema.Patterns | None:
    """The patterns in the message of a layer; None where there are none.

    Arguments:
        pinned: number of pinned instances.

    Raises:
        UnreadableError: types, shapes or sizes do not fit each other or the layer.
    """
    if not layer.HasField("patterns"):
        return None
    name = f"{layer.name!r:.200}"
    shares = decode_array(layer.patterns.shares, "patterns of layer", layer.name)
    shape = shares.shape
    if (
        shares.dtype != "float16"
        or len(shape) != 4
        or not 1 <= shape[0] <= pinned
        or shape[1] != layer.neurons
        or not all(1 <= size <= MAX_PATTERN for size in shape[2:])
    ):
        raise UnreadableError(
            f"The patterns of layer {name} are {shares.dtype} {shape}; float16 (at most {pinned}, {layer.neurons}, at most "
            f"{MAX_PATTERN:,}, at most {MAX_PATTERN:,}) was expected."
        )
    together = decode_array(layer.patterns.together, "patterns of layer", layer.name)
    if (together.dtype, together.shape) != ("int32", (shape[0], 2)):
        raise UnreadableError(
            f"The sizes of the patterns of layer {name} are {together.dtype} {together.shape}; int32 {(shape[0], 2)} was "
            "expected."
        )
    return schema.Patterns(shares, together)
