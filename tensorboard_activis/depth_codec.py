"""Serialization of prediction by depth."""

from tensorboard_activis import activis_pb2 as pb
from tensorboard_activis import schema
from tensorboard_activis.array_codec import decode_array, encode_array
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.printable import printable

#: How many classes or tokens there are after each block.
DEPTH_TOP = 5


def encode_depth(depth: schema.Depth | None) -> pb.Depth | None:
    """The message of prediction by depth; None where there is none."""
    if depth is None:
        return None
    return pb.Depth(
        layers=depth.layers,
        top=encode_array(depth.top),
        score=encode_array(depth.score),
        rank=encode_array(depth.rank),
        label=encode_array(depth.label),
        right=encode_array(depth.right),
        counted=depth.counted,
        token=depth.token,
        texts=depth.texts,
    )


def decode_depth(message: pb.Depth, instances: int) -> schema.Depth:
    """The record; the inverse of `encode_depth`. `instances`: how many were kept.

    Raises:
        UnreadableError: an array has another type or shape than the counts demand.
    """
    blocks = len(message.layers)
    expected = {
        "top": ("int32", (instances, blocks, DEPTH_TOP)),
        "score": ("float16", (instances, blocks, DEPTH_TOP)),
        "rank": ("int32", (instances, blocks)),
        "label": ("int32", (instances,)),
        "right": ("float64", (blocks,)),
    }
    arrays = {name: decode_array(getattr(message, name), "prediction by depth", name) for name in expected}
    for name, array in arrays.items():
        dtype, shape = expected[name]
        if (array.dtype, array.shape) != (dtype, shape):
            raise UnreadableError(
                f"The {name} of prediction by depth is {array.dtype} {array.shape}; {dtype} {shape} was expected."
            )
    if message.counted < 0:
        raise UnreadableError(f"Prediction by depth says that {message.counted} instances were counted.")
    texts = {token: printable(text) for token, text in message.texts.items()}
    return schema.Depth(tuple(message.layers), **arrays, counted=message.counted, token=message.token, texts=texts)
