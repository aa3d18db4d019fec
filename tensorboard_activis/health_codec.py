"""Serialization of training health, and of its values: the upper 16 bits of float32, so about three digits at any size."""

import numpy as np
from google.protobuf.message import DecodeError

from tensorboard_activis import activis_pb2 as pb
from tensorboard_activis import schema
from tensorboard_activis.array_codec import decode_array, encode_array
from tensorboard_activis.bounds import MAX_BLOB, check_health
from tensorboard_activis.errors import ActiVisError, UnreadableError
from tensorboard_activis.health_part import HealthLayer, HealthPart

_NAN = 0x7FC0


def to_upper_half(values: np.ndarray) -> np.ndarray:
    """Float32 rounded to the nearest number whose lower 16 bits are 0, as these upper bits, uint16 of the same shape."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(values), _NAN, rounded).astype(np.uint16)


def from_upper_half(bits: np.ndarray) -> np.ndarray:
    """The inverse of `to_upper_half`, but for what was rounded: float32 of the same shape."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def make_health(
    session: str,
    wall_time: float,
    steps: tuple[int, ...],
    measures: tuple[str, ...],
    layers: tuple[HealthLayer, ...],
    values: np.ndarray,
    loss: np.ndarray,
    every: int,
    notes: tuple[str, ...] = (),
) -> HealthPart:
    """The record of measured values, float32 [measures, layers, steps] and [steps]; see `HealthPart`."""
    bits = to_upper_half(values)
    stored = schema.Array("uint16", bits.shape, bits.astype("<u2").tobytes())
    losses = np.ascontiguousarray(loss, "<f4")
    return HealthPart(
        session,
        wall_time,
        steps,
        measures,
        layers,
        stored,
        schema.Array("float32", losses.shape, losses.tobytes()),
        every,
        notes,
    )


def values_of(health: HealthPart) -> np.ndarray:
    """What was measured, float32 [measures, layers, steps]."""
    bits = np.frombuffer(health.values.inline, "<u2").reshape(health.values.shape)
    return from_upper_half(bits)


def loss_of(health: HealthPart) -> np.ndarray:
    """The loss of training, float32 [steps]."""
    return np.frombuffer(health.loss.inline, "<f4").astype(np.float32, copy=False)


def encode_health(health: HealthPart) -> bytes:
    """Serializes training health: the blob of the tag `activis/health`. Raises ActiVisError where it is too large to read."""
    message = pb.Health(
        session=health.session,
        wall_time=health.wall_time,
        steps=health.steps,
        measures=health.measures,
        layers=[
            pb.HealthLayer(name=one.name, type=one.type, experts=one.experts, chosen=one.chosen)
            for one in health.layers
        ],
        values=encode_array(health.values),
        loss=encode_array(health.loss),
        every=health.every,
        notes=health.notes,
    )
    blob: bytes = message.SerializeToString(deterministic=True)
    if len(blob) > MAX_BLOB:
        raise ActiVisError(f"Training health takes {len(blob):,} bytes, and only {MAX_BLOB:,} can be read back.")
    return blob


def decode_health(blob: bytes) -> HealthPart:
    """Deserializes training health and checks it; the inverse of `encode_health`.

    Raises:
        UnreadableError: the blob is not training health, its arrays do not have the shapes that its counts demand, or its steps
            do not ascend.
    """
    if len(blob) > MAX_BLOB:
        raise UnreadableError(f"An event of training health has {len(blob):,} bytes; at most {MAX_BLOB:,} are read.")
    message = pb.Health()
    try:
        message.ParseFromString(blob)
    except DecodeError as error:
        raise UnreadableError(f"An event of training health cannot be decoded: {error}.") from error
    check_health(message)
    steps = np.array(message.steps, np.int64)
    if not steps.size or steps[0] < 0 or (np.diff(steps) <= 0).any():
        raise UnreadableError("The steps of training health do not ascend from 0, or there are none.")
    for what, names in (("measures", message.measures), ("layers", [layer.name for layer in message.layers])):
        if len(set(names)) < len(names):
            raise UnreadableError(f"Training health names some of its {what} twice.")
    if message.every < 1:
        raise UnreadableError(f"Training health says that every {message.every} steps are measured.")
    shape = (len(message.measures), len(message.layers), len(message.steps))
    expected = {"values": ("uint16", shape), "loss": ("float32", shape[2:])}
    arrays = {name: decode_array(getattr(message, name), "training health", name) for name in expected}
    for name, array in arrays.items():
        if array.files or (array.dtype, array.shape) != expected[name]:
            raise UnreadableError(
                f"The {name} of training health are {array.dtype} {array.shape}{' in files' if array.files else ''}; "
                f"{expected[name][0]} {expected[name][1]} was expected."
            )
    layers = tuple(HealthLayer(one.name, one.type, one.experts, one.chosen) for one in message.layers)
    return HealthPart(
        message.session,
        message.wall_time,
        tuple(message.steps),
        tuple(message.measures),
        layers,
        **arrays,
        every=message.every,
        notes=tuple(message.notes),
    )
